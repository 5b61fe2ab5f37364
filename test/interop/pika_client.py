# Debian's pika against a broker: every step asserts; the last line is "ok".
import sys
import pika
from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError, ConnectionClosedByBroker, AMQPConnectionError, UnroutableError

port = int(sys.argv[1])
parameters = pika.ConnectionParameters("127.0.0.1", port, "/", pika.PlainCredentials("guest", "guest"))
connection = pika.BlockingConnection(parameters)
channel = connection.channel()
channel.confirm_delivery()

headers = {"text": "t", "int": 5, "big": 2**40, "bool": True, "none": None, "list": [1, "b"], "table": {"k": 1}}
properties = pika.BasicProperties(
    content_type="text/plain", content_encoding="utf-8", headers=headers, delivery_mode=2, priority=3,
    correlation_id="c", reply_to="r", expiration="60000", message_id="m", timestamp=1700000000, type="t",
    user_id="guest", app_id="a", cluster_id="cl")

channel.exchange_declare("pika.dlx", "fanout", auto_delete=True)
channel.queue_declare("pika.dead", exclusive=True)
channel.queue_bind("pika.dead", "pika.dlx")
channel.queue_declare("pika.q", exclusive=True, arguments={"x-dead-letter-exchange": "pika.dlx"})

channel.basic_publish("", "pika.q", b"body", properties, mandatory=True)
method, got, body = channel.basic_get("pika.q")
assert body == b"body", body
for name in ("content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id", "reply_to",
             "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id"):
    assert getattr(got, name) == getattr(properties, name), (name, getattr(got, name))
channel.basic_reject(method.delivery_tag, requeue=False)
method, got, body = None, None, None
for _ in range(100):
    method, got, body = channel.basic_get("pika.dead", auto_ack=True)
    if method:
        break
    connection.sleep(0.02)
death = got.headers["x-death"][0]
assert (death["reason"], death["queue"], death["count"]) == ("rejected", "pika.q", 1), death

try:
    channel.basic_publish("amq.direct", "nobody", b"x", mandatory=True)
    raise AssertionError("not returned")
except UnroutableError as error:
    assert error.messages[0].method.reply_code == 312

for kind, binding, key, arguments, sent in (
        ("direct", "k", "k", None, None), ("fanout", "", "any", None, None), ("topic", "a.*.#", "a.b.c", None, None),
        ("headers", "", "", {"x-match": "all", "colour": "red"}, {"colour": "red"})):
    channel.exchange_declare("pika." + kind, kind, auto_delete=True)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "pika." + kind, binding, arguments)
    channel.basic_publish("pika." + kind, key, kind.encode(), pika.BasicProperties(headers=sent), mandatory=True)
    assert channel.basic_get(queue, auto_ack=True)[2] == kind.encode()

received = []
channel.basic_qos(prefetch_count=10)
for number in range(50):
    channel.basic_publish("", "pika.q", str(number).encode())
for method, _, body in channel.consume("pika.q", inactivity_timeout=5):
    received.append(int(body))
    channel.basic_ack(method.delivery_tag)
    if len(received) == 50:
        break
channel.cancel()
assert received == list(range(50)), received

try:
    channel.queue_declare("pika.missing", passive=True)
    raise AssertionError("found")
except ChannelClosedByBroker as error:
    assert error.reply_code == 404
connection.close()

try:
    pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, "nowhere", pika.PlainCredentials("guest", "guest")))
    raise AssertionError("let in")
except (ProbableAccessDeniedError, ConnectionClosedByBroker, AMQPConnectionError) as error:
    assert "530" in repr(error) or "nowhere" in repr(error), repr(error)
print("ok")
