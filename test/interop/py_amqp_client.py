# Debian's py-amqp (what Celery speaks) against a broker: every step asserts; the last line is "ok".
import sys
import time
from datetime import datetime
from decimal import Decimal
import amqp

port = int(sys.argv[1])
connection = amqp.Connection(host="127.0.0.1:%d" % port, userid="guest", password="guest", confirm_publish=True)
connection.connect()
channel = connection.channel()
channel.exchange_declare("pyamqp.dlx", "direct", auto_delete=True)
channel.queue_declare("pyamqp.dead", exclusive=True, auto_delete=False)
channel.queue_bind("pyamqp.dead", "pyamqp.dlx", "dead")
channel.queue_declare("pyamqp.q", exclusive=True, auto_delete=False, arguments={
    "x-dead-letter-exchange": "pyamqp.dlx", "x-dead-letter-routing-key": "dead"})

# py-amqp sends bytes as a long string.
headers = {
    "text": "t\u00e9xt", "int": -5, "big": 2**40, "yes": True, "no": False, "none": None, "list": [1, "b", [None]],
    "table": {"k": 1, "deep": {"empty": {}}}, "time": datetime(2023, 11, 14, 22, 13, 20), "double": 0.1,
    "decimal": Decimal("-1.25")}
properties = dict(
    content_type="text/plain", content_encoding="utf-8", application_headers=headers, delivery_mode=2, priority=4,
    correlation_id="c", reply_to="r", expiration="60000", message_id="m", timestamp=1700000000, type="t",
    user_id="guest", app_id="a", cluster_id="cl")
# With confirm_publish this waits for the confirm.
channel.basic_publish_confirm(amqp.Message("body", **properties), routing_key="pyamqp.q")
got = channel.basic_get("pyamqp.q")
assert got.body == "body", got.body
for name, value in properties.items():
    read = got.properties[name]
    assert (read.timestamp() if isinstance(read, datetime) else read) == value, (name, read)
channel.basic_reject(got.delivery_tag, requeue=False)
dead = None
deadline = time.monotonic() + 10
while not dead and time.monotonic() < deadline:
    dead = channel.basic_get("pyamqp.dead", no_ack=True)
death = dead.headers["x-death"][0]
assert (death["reason"], death["queue"], death["count"]) == ("rejected", "pyamqp.q", 1), death
assert (death["exchange"], death["routing-keys"]) == ("", ["pyamqp.q"]) and isinstance(death["time"], datetime), death
assert dead.headers["double"] == 0.1 and dead.headers["table"] == headers["table"]

returned = []
def take_back(error, exchange, routing_key, message):
    returned.append((error.reply_code, exchange, routing_key, message.body))
channel.events["basic_return"].add(take_back)
channel.basic_publish(amqp.Message("lost"), "amq.direct", "nobody", mandatory=True)
assert returned == [(312, "amq.direct", "nobody", "lost")], returned

received = []
def take(each):
    received.append(each.body)
    channel.basic_ack(each.delivery_tag)
channel.basic_qos(0, 5, False)
channel.basic_consume("pyamqp.q", callback=take)
for number in range(20):
    channel.basic_publish(amqp.Message(str(number)), routing_key="pyamqp.q")
while len(received) < 20:
    connection.drain_events(timeout=5)
assert received == [str(number) for number in range(20)]

red = {"x-match": "any", "colour": "red", "size": 1}
for kind, binding, key, other in (
        ("direct", "k", "k", "j"), ("fanout", "", "any", None), ("topic", "a.*.#", "a.b.c", "a"), ("headers", "", "", "")):
    channel.exchange_declare("pyamqp." + kind, kind, auto_delete=True)
    channel.queue_bind("pyamqp.q", "pyamqp." + kind, binding, arguments=red if kind == "headers" else None)
    if other is not None:
        blue = amqp.Message("not " + kind, application_headers={"colour": "blue"})
        channel.basic_publish(blue, "pyamqp." + kind, other, mandatory=True)
        assert returned[-1] == (312, "pyamqp." + kind, other, "not " + kind), returned[-1]
    channel.basic_publish(amqp.Message(kind, application_headers={"colour": "red"}), "pyamqp." + kind, key, mandatory=True)
while len(received) < 24:
    connection.drain_events(timeout=5)
assert received[20:] == ["direct", "fanout", "topic", "headers"] and len(returned) == 4, (received[20:], returned)

try:
    channel.exchange_declare("pyamqp.direct", "fanout", auto_delete=True)
except amqp.exceptions.PreconditionFailed as error:
    assert error.reply_code == 406
else:
    raise AssertionError("redeclared")
connection.close()
try:
    amqp.Connection(host="127.0.0.1:%d" % port, userid="guest", password="guest", virtual_host="nowhere").connect()
except amqp.exceptions.NotAllowed as error:
    assert error.reply_code == 530 and "nowhere" in error.reply_text, error
else:
    raise AssertionError("let in")
print("ok")
