<?php
// Debian's php-amqplib against a broker: every step is checked; the last line is "ok".
require_once '/usr/share/php/PhpAmqpLib/autoload.php';
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPConnectionClosedException;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPAbstractCollection as Type;
use PhpAmqpLib\Wire\AMQPTable;

function check($truth, $what) { if (!$truth) { fwrite(STDERR, "failed: $what\n"); exit(1); } }

function get($channel, $queue, $noAck)
{
    for ($end = microtime(true) + 10; microtime(true) < $end;)
        if ($got = $channel->basic_get($queue, $noAck)) return $got;
    check(false, "nothing in $queue");
}

$connection = new AMQPStreamConnection('127.0.0.1', (int) $argv[1], 'guest', 'guest');
$channel = $connection->channel();
$channel->confirm_select();
$confirmed = 0;
$returned = [];
$channel->set_ack_handler(function () use (&$confirmed) { $confirmed++; });
$channel->set_return_listener(function ($code, $text, $exchange, $key, $message) use (&$returned) { $returned[] = [$code, $exchange, $key, $message->body]; });

// Every property, then a reject to the dead letter exchange.
$channel->exchange_declare('php.dlx', 'fanout', false, false, true);
$channel->queue_declare('php.dead', false, false, true, false);
$channel->queue_bind('php.dead', 'php.dlx');
$channel->queue_declare('php.q', false, false, true, false, false, new AMQPTable(['x-dead-letter-exchange' => 'php.dlx']));
$time = new DateTime('@1700000000');
$sent = ['text' => 'téxt', 'int' => -5, 'big' => 2 ** 40, 'yes' => true, 'no' => false, 'none' => null, 'list' => [1, 'b', [null]],
  'table' => ['k' => 1, 'deep' => ['j' => 'x']]];
// php-amqplib writes no floating point number.
$headers = new AMQPTable($sent + ['time' => $time]);
$headers->set('bytes', "\x00\xff\x80", Type::T_BYTES);
$headers->set('byte', -7, Type::T_INT_SHORTSHORT);
$headers->set('short', -300, Type::T_INT_SHORT);
$properties = ['content_type' => 'text/plain', 'content_encoding' => 'utf-8', 'delivery_mode' => 2, 'priority' => 3, 'correlation_id' => 'c',
  'reply_to' => 'r', 'expiration' => '60000', 'message_id' => 'm', 'timestamp' => 1700000000, 'type' => 't', 'user_id' => 'guest',
  'app_id' => 'a', 'cluster_id' => 'cl'];
$channel->basic_publish(new AMQPMessage('body', $properties + ['application_headers' => $headers]), '', 'php.q');
$channel->wait_for_pending_acks(5);
check($confirmed === 1, 'confirm');
$got = get($channel, 'php.q', false);
check($got->body === 'body', 'body');
foreach ($properties as $name => $value) check($got->get($name) == $value, "$name " . var_export($got->get($name), true));
$read = $got->get('application_headers')->getNativeData();
foreach ($sent + ['bytes' => "\x00\xff\x80", 'byte' => -7, 'short' => -300] as $name => $value)
    check(array_key_exists($name, $read) && $read[$name] === $value, "header $name " . var_export($read[$name] ?? null, true));
check($read['time'] == $time, 'header time');
$channel->basic_reject($got->getDeliveryTag(), false);
$dead = get($channel, 'php.dead', true);
$death = $dead->get('application_headers')->getNativeData()['x-death'][0];
check($dead->body === 'body' && $death['reason'] === 'rejected' && $death['queue'] === 'php.q' && $death['count'] === 1, 'dead letter');
check($death['exchange'] === '' && $death['routing-keys'] === ['php.q'] && $death['time'] instanceof DateTime, 'x-death');

// In order, through a consumer that acknowledges.
$received = [];
$channel->basic_qos(0, 5, false);
$channel->basic_consume('php.q', '', false, false, false, false, function ($each) use (&$received) { $received[] = $each->body; $each->ack(); });
for ($i = 0; $i < 20; $i++) $channel->basic_publish(new AMQPMessage((string) $i), '', 'php.q');
while (count($received) < 20) $channel->wait(null, false, 5);
check($received === array_map('strval', range(0, 19)), 'order');

// The four types; what matches nothing is returned.
$coloured = fn ($body, $colour) => new AMQPMessage($body, ['application_headers' => new AMQPTable(['colour' => $colour, 'size' => 1])]);
foreach ([['direct', 'k', 'k', 'j'], ['fanout', '', 'any', null], ['topic', 'a.*.#', 'a.b.c', 'a'], ['headers', '', '', '']] as [$kind, $binding, $key, $other]) {
    $channel->exchange_declare("php.$kind", $kind, false, false, true);
    [$queue] = $channel->queue_declare('', false, false, true);
    $channel->queue_bind($queue, "php.$kind", $binding, false, new AMQPTable($kind === 'headers' ? ['x-match' => 'all', 'colour' => 'red', 'size' => 1] : []));
    $channel->basic_publish($coloured($kind, 'red'), "php.$kind", $key, true);
    check(get($channel, $queue, true)->body === $kind, $kind);
    if ($other === null) continue;
    $returned = [];
    $channel->basic_publish($coloured('lost', 'blue'), "php.$kind", $other, true);
    $channel->wait_for_pending_acks_returns(5);
    check($returned === [[312, "php.$kind", $other, 'lost']], "returned by $kind");
}

try {
    $connection->channel()->queue_declare('php.missing', true);
    check(false, 'found');
} catch (AMQPProtocolChannelException $error) {
    check($error->getCode() === 404, 'not found');
}
$connection->close();

try {
    new AMQPStreamConnection('127.0.0.1', (int) $argv[1], 'guest', 'guest', 'nowhere');
    check(false, 'let in');
} catch (AMQPConnectionClosedException $error) {
    check($error->getCode() === 530 && str_contains($error->getMessage(), 'nowhere'), $error->getMessage());
}
echo "ok\n";
