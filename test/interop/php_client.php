<?php
// Debian's php-amqplib against a broker; the last line is "ok".
require_once '/usr/share/php/PhpAmqpLib/autoload.php';
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

function check($truth, $what) { if (!$truth) { fwrite(STDERR, "failed: $what\n"); exit(1); } }

$connection = new AMQPStreamConnection('127.0.0.1', (int) $argv[1], 'guest', 'guest');
$channel = $connection->channel();
$channel->confirm_select();
$confirmed = 0;
$channel->set_ack_handler(function () use (&$confirmed) { $confirmed++; });
$channel->queue_declare('php.dead', false, false, true, false);
$channel->queue_declare('php.q', false, false, true, false, false, new AMQPTable(['x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => 'php.dead']));
$message = new AMQPMessage('body', ['content_type' => 'text/plain', 'delivery_mode' => 2, 'priority' => 3, 'message_id' => 'm',
  'application_headers' => new AMQPTable(['int' => 5, 'list' => [1, 'b'], 'bool' => true, 'deep' => ['k' => 1]])]);
$channel->basic_publish($message, '', 'php.q');
$channel->wait_for_pending_acks(5);
check($confirmed === 1, 'confirm');
$got = $channel->basic_get('php.q');
check($got->body === 'body' && $got->get('priority') === 3, 'get');
$headers = $got->get('application_headers')->getNativeData();
check($headers['deep'] === ['k' => 1] && $headers['list'] === [1, 'b'] && $headers['bool'] === true, 'headers');
$channel->basic_reject($got->getDeliveryTag(), false);
for ($i = 0; $i < 100 && !($dead = $channel->basic_get('php.dead', true)); $i++) usleep(20000);
check($dead->get('application_headers')->getNativeData()['x-death'][0]['reason'] === 'rejected', 'dead letter');
$received = [];
$channel->basic_consume('php.q', '', false, false, false, false, function ($each) use (&$received) { $received[] = $each->body; $each->ack(); });
for ($i = 0; $i < 20; $i++) $channel->basic_publish(new AMQPMessage((string) $i), '', 'php.q');
while (count($received) < 20) $channel->wait(null, false, 5);
check($received === array_map('strval', range(0, 19)), 'order');
$connection->close();
echo "ok\n";
