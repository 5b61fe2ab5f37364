# Debian's pika against a broker: every step asserts; the last line is "ok".
import sys
from datetime import datetime
from decimal import Decimal
import pika
from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError, UnroutableError

port = int(sys.argv[1])
parameters = pika.ConnectionParameters("127.0.0.1", port, "/", pika.PlainCredentials("guest", "guest"))
connection = pika.BlockingConnection(parameters)
channel = connection.channel()
channel.confirm_delivery()

# pika encodes no floating point number.
headers = {
    "text": "t\u00e9xt", "int": -5, "big": 2**40, "yes": True, "no": False, "none": None, "list": [1, "b", [None]],
    "table": {"k": 1, "deep": {"empty": {}}}, "time": datetime(2023, 11, 14, 22, 13, 20), "bytes": b"\x00\xff\x80",
    "decimal": Decimal("-1.25")}
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
assert (death["exchange"], death["routing-keys"]) == ("", ["pika.q"]) and isinstance(death["time"], datetime), death
assert got.headers["x-first-death-reason"] == "rejected" and body == b"body"
for name, value in headers.items():
    assert got.headers[name] == value, (name, got.headers[name])

try:
    channel.basic_publish("amq.direct", "nobody", b"x", mandatory=True)
except UnroutableError as error:
    assert error.messages[0].method.reply_code == 312
    assert error.messages[0].body == b"x"
else:
    raise AssertionError("not returned")

red = {"x-match": "all", "colour": "red", "size": 1}
for kind, binding, key, arguments, sent in (
        ("direct", "k", "k", None, None), ("fanout", "", "any", None, None), ("topic", "a.*.#", "a.b.c", None, None),
        ("headers", "", "", red, {"colour": "red", "size": 1})):
    channel.exchange_declare("pika." + kind, kind, auto_delete=True)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "pika." + kind, binding, arguments)
    channel.basic_publish("pika." + kind, key, kind.encode(), pika.BasicProperties(headers=sent), mandatory=True)
    assert channel.basic_get(queue, auto_ack=True)[2] == kind.encode()
    if kind != "fanout":
        try:
            channel.basic_publish("pika." + kind, "other", b"", pika.BasicProperties(headers={"colour": "blue", "size": 1}), mandatory=True)
        except UnroutableError:
            continue
        raise AssertionError(kind + " routed what does not match")

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
except ChannelClosedByBroker as error:
    assert error.reply_code == 404
else:
    raise AssertionError("found")
connection.close()

try:
    pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, "nowhere", pika.PlainCredentials("guest", "guest")))
except ProbableAccessDeniedError as error:
    assert "(530)" in str(error) and "nowhere" in str(error), repr(error)
else:
    raise AssertionError("let in")
print("ok")
