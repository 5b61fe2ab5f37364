# Debian's py-amqp (what Celery speaks) against a broker; the last line is "ok".
import sys
import amqp

port = int(sys.argv[1])
connection = amqp.Connection(host="127.0.0.1:%d" % port, userid="guest", password="guest", confirm_publish=True)
connection.connect()
channel = connection.channel()
channel.queue_declare("pyamqp.dead", exclusive=True, auto_delete=False)
channel.queue_declare("pyamqp.q", exclusive=True, auto_delete=False, arguments={
    "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "pyamqp.dead"})
message = amqp.Message("body", content_type="text/plain", priority=4, correlation_id="c", message_id="m",
                       application_headers={"a": 1, "list": [1, 2], "deep": {"x": True}}, delivery_mode=2)
channel.basic_publish(message, routing_key="pyamqp.q")
got = channel.basic_get("pyamqp.q")
assert got.body == "body" and got.properties["priority"] == 4
assert got.headers["deep"]["x"] is True
channel.basic_reject(got.delivery_tag, requeue=False)
dead = None
for _ in range(200):
    dead = channel.basic_get("pyamqp.dead", no_ack=True)
    if dead:
        break
assert dead.headers["x-death"][0]["reason"] == "rejected"
received = []
def take(each):
    received.append(each.body)
    channel.basic_ack(each.delivery_tag)
channel.basic_consume("pyamqp.q", callback=take)
for number in range(20):
    channel.basic_publish(amqp.Message(str(number)), routing_key="pyamqp.q")
while len(received) < 20:
    connection.drain_events(timeout=5)
assert received == [str(number) for number in range(20)]
for kind in ("direct", "fanout", "topic", "headers"):
    channel.exchange_declare("pyamqp." + kind, kind, auto_delete=True)
    channel.queue_bind("pyamqp.q", "pyamqp." + kind, "key", arguments={"x-match": "any", "h": 1} if kind == "headers" else None)
    channel.basic_publish(amqp.Message(kind, application_headers={"h": 1}), "pyamqp." + kind, "key")
while len(received) < 24:
    connection.drain_events(timeout=5)
assert received[20:] == ["direct", "fanout", "topic", "headers"], received[20:]
try:
    channel.exchange_declare("pyamqp.direct", "fanout", auto_delete=True)
    raise AssertionError("redeclared")
except amqp.exceptions.PreconditionFailed:
    pass
connection.close()
try:
    amqp.Connection(host="127.0.0.1:%d" % port, userid="guest", password="guest", virtual_host="nowhere").connect()
    raise AssertionError("let in")
except amqp.exceptions.NotAllowed:
    pass
print("ok")
