# Debian's kombu against a broker: every step asserts; the last line is "ok".
import sys
import time
from datetime import datetime
from amqp.exceptions import NotAllowed
from kombu import Connection, Exchange, Queue

address = "amqp://guest:guest@127.0.0.1:%d/" % int(sys.argv[1])


def passing(name, kind, **more):
    return Exchange(name, kind, durable=False, auto_delete=True, **more)


def get(queue):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        message = queue.get()
        if message:
            return message
    raise AssertionError("nothing in " + queue.name)


with Connection(address + "/", transport_options={"confirm_publish": True}) as connection:
    channel = connection.channel()
    returned = []
    producer = connection.Producer(
        channel, serializer="json", on_return=lambda error, exchange, key, message: returned.append((error.reply_code, exchange, key)))

    # Tasks in order, as Celery takes them.
    exchange = passing("kombu.x", "topic")
    queue = Queue("kombu.q", exchange, routing_key="task.#", durable=False, auto_delete=True)
    received = []
    def take(body, message):
        received.append(body)
        message.ack()
    with connection.Consumer(queue, callbacks=[take], accept=["json"], prefetch_count=5):
        for number in range(20):
            producer.publish({"n": number}, exchange=exchange, routing_key="task.run.%d" % number, declare=[queue])
        while len(received) < 20:
            connection.drain_events(timeout=5)
    assert [each["n"] for each in received] == list(range(20)), received
    simple = connection.SimpleQueue("kombu.simple")
    simple.put({"hello": "simple"})
    got = simple.get(timeout=5)
    assert got.payload == {"hello": "simple"}
    got.ack()
    simple.close()
    Queue("kombu.simple", channel=channel).delete()

    # Every property, then a reject to the dead letter exchange.
    dead = Queue("kombu.dead", passing("kombu.dlx", "fanout"), durable=False, exclusive=True)(channel)
    alive = Queue("kombu.alive", passing("kombu.alive", "direct"), routing_key="k", durable=False, exclusive=True, queue_arguments={
        "x-dead-letter-exchange": "kombu.dlx"})(channel)
    dead.declare()
    alive.declare()
    headers = {
        "text": "t\u00e9xt", "int": -5, "big": 2**40, "yes": True, "no": False, "none": None, "list": [1, "b", [None]],
        "table": {"k": 1, "deep": {"empty": {}}}, "time": datetime(2023, 11, 14, 22, 13, 20), "double": 0.1}
    properties = dict(
        delivery_mode=2, priority=4, correlation_id="c", reply_to="r", message_id="m", type="t", user_id="guest",
        app_id="a", cluster_id="cl")
    # kombu's expiration is in seconds; on the wire it is milliseconds in a string.
    producer.publish(b"body", exchange="kombu.alive", routing_key="k", headers=headers, content_type="text/plain",
                     content_encoding="binary", expiration=60, timestamp=1700000000, **properties)
    got = get(alive)
    assert bytes(got.body) == b"body", got.body
    assert (got.content_type, got.content_encoding, got.headers) == ("text/plain", "binary", headers), got.headers
    for name, value in dict(properties, expiration="60000").items():
        assert got.properties[name] == value, (name, got.properties)
    read = got.properties["timestamp"]
    assert (read.timestamp() if isinstance(read, datetime) else read) == 1700000000, read
    got.reject()
    letter = get(dead)
    death = letter.headers["x-death"][0]
    assert (death["reason"], death["queue"], death["count"]) == ("rejected", "kombu.alive", 1), death
    assert (death["exchange"], death["routing-keys"]) == ("kombu.alive", ["k"]), death
    assert {name: letter.headers[name] for name in headers} == headers
    letter.ack()

    # The four types; what matches nothing is returned.
    for kind, binding, key, other in (
            ("direct", "k", "k", "j"), ("fanout", "", "any", None), ("topic", "a.*.#", "a.b.c", "a"), ("headers", "", "", "")):
        arguments = {"x-match": "all", "colour": "red", "size": 1} if kind == "headers" else None
        bound = Queue("kombu." + kind, passing("kombu.type." + kind, kind), routing_key=binding, durable=False, exclusive=True,
                      binding_arguments=arguments)(channel)
        bound.declare()
        producer.publish({"kind": kind}, exchange="kombu.type." + kind, routing_key=key, headers={"colour": "red", "size": 1}, mandatory=True)
        message = get(bound)
        assert message.payload == {"kind": kind}, message.payload
        message.ack()
        if other is not None:
            producer.publish({}, exchange="kombu.type." + kind, routing_key=other, headers={"colour": "blue", "size": 1}, mandatory=True)
            assert returned[-1] == (312, "kombu.type." + kind, other), returned
    assert len(returned) == 3, returned

try:
    Connection(address + "nowhere").connect()
except NotAllowed as error:
    assert error.reply_code == 530 and "nowhere" in error.reply_text, error
else:
    raise AssertionError("let in")
print("ok")
