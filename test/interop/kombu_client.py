# Debian's kombu against a broker; the last line is "ok".
import sys
from kombu import Connection, Exchange, Queue

with Connection("amqp://guest:guest@127.0.0.1:%d//" % int(sys.argv[1])) as connection:
    exchange = Exchange("kombu.x", "topic", durable=False, auto_delete=True)
    queue = Queue("kombu.q", exchange, routing_key="task.#", durable=False, auto_delete=True)
    received = []
    def take(body, message):
        received.append(body)
        message.ack()
    with connection.Consumer(queue, callbacks=[take], accept=["json"]):
        producer = connection.Producer(serializer="json")
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
print("ok")
