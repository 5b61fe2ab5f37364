# Debian's pika as the demo's producer or consumer: what it does and sees as JSON lines on stdout. "finish" on stdin
# ends the making of messages, the end of stdin ends everything.
#   pika_client.py producer|consumer PORT NAME QUEUE MESSAGES_PER_SECOND
import json
import sys
import threading
import time
import pika
from pika.exceptions import AMQPError

role, port, name, queue, rate = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5])
parameters = pika.ConnectionParameters(
    "127.0.0.1", port, "/", pika.PlainCredentials("guest", "guest"), heartbeat=10, blocked_connection_timeout=10,
    socket_timeout=3, stack_timeout=3)
finishing, ending = threading.Event(), threading.Event()


def listen():
    for line in sys.stdin:
        if line.strip() == "finish":
            finishing.set()
    ending.set()


def say(event, **fields):
    sys.stdout.write(json.dumps({"event": event, "at": time.time() * 1000, **fields}) + "\n")
    sys.stdout.flush()


def stay_connected(use):
    delay, lost = 0.01, False
    while not ending.is_set():
        try:
            connection = pika.BlockingConnection(parameters)
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            say("connected")
            delay, lost = 0.01, False
            use(connection, channel)
            connection.close()
            return
        except (AMQPError, OSError):
            if not lost:
                say("disconnected")
            lost = True
            time.sleep(delay)
            delay = min(delay * 2, 0.25)


sequence = 0
unconfirmed = None


def produce(connection, channel):
    global sequence, unconfirmed
    channel.confirm_delivery()
    while not (finishing.is_set() or ending.is_set()) or unconfirmed:
        started = time.monotonic()
        if unconfirmed is None:
            sequence += 1
            unconfirmed = sequence
        say("published", sequence=unconfirmed)
        # Returns when the broker has confirmed it; raises when the connection goes first.
        channel.basic_publish(
            "", queue, ("%s %d" % (name, unconfirmed)).encode(), pika.BasicProperties(delivery_mode=2), mandatory=True)
        say("confirmed", sequence=unconfirmed)
        unconfirmed = None
        connection.sleep(max(0.0, 1 / rate - (time.monotonic() - started)))
    say("done")
    while not ending.is_set():
        connection.sleep(0.05)


def consume(connection, channel):
    channel.basic_qos(prefetch_count=50)
    for method, _, body in channel.consume(queue, inactivity_timeout=0.05):
        if ending.is_set():
            break
        if method is None:
            continue
        producer, number = body.decode().split()[:2]
        say("received", producer=producer, sequence=int(number), redelivered=method.redelivered)
        channel.basic_ack(method.delivery_tag)
        say("acked", producer=producer, sequence=int(number))


threading.Thread(target=listen, daemon=True).start()
stay_connected(produce if role == "producer" else consume)
