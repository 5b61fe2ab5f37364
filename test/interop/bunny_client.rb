# Debian's bunny against a broker: every step raises when it fails; the last line is "ok".
require 'bunny'

port = Integer(ARGV[0])

def check(truth, what)
  raise "failed: #{what}" unless truth
end

# What the block answers, once that is truthy.
def eventually(what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 10
  until (answer = yield)
    raise "failed: no #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
    sleep 0.01
  end
  answer
end

def get(queue, manual_ack: false)
  eventually("message in #{queue.name}") do
    got = queue.pop(manual_ack: manual_ack)
    got if got[0]
  end
end

connection = Bunny.new(host: '127.0.0.1', port: port, logger: Logger.new(nil))
connection.start
channel = connection.create_channel
channel.confirm_select

# Every property, then a reject to the dead letter exchange.
dead = channel.queue('bunny.dead', exclusive: true).bind(channel.fanout('bunny.dlx', auto_delete: true))
queue = channel.queue('bunny.q', exclusive: true, arguments: { 'x-dead-letter-exchange' => 'bunny.dlx' })
headers = { 'text' => 'text', 'int' => -5, 'big' => 2**40, 'yes' => true, 'no' => false, 'none' => nil,
            'list' => [1, 'b', 0.5, { 'a' => 1 }], 'table' => { 'k' => 1, 'deep' => { 'empty' => {} } },
            'time' => Time.at(1_700_000_000), 'double' => 0.1 }
sent = { content_type: 'text/plain', content_encoding: 'utf-8', headers: headers, delivery_mode: 2, priority: 2,
         correlation_id: 'c', reply_to: 'r', expiration: '60000', message_id: 'm', timestamp: 1_700_000_000,
         type: 't', user_id: 'guest', app_id: 'a', cluster_id: 'cl' }
channel.default_exchange.publish('body', routing_key: 'bunny.q', persistent: true, **sent)
check(channel.wait_for_confirms, 'confirm')
info, properties, body = get(queue, manual_ack: true)
check(body == 'body', "body #{body}")
sent.each { |name, value| check((name == :timestamp ? properties[name].to_i : properties[name]) == value, "#{name} #{properties[name].inspect}") }
channel.reject(info.delivery_tag, false)
_, letter, body = get(dead)
death = letter[:headers]['x-death'][0]
check(body == 'body' && death.values_at('reason', 'queue', 'count') == ['rejected', 'bunny.q', 1], "x-death #{death}")
check(death.values_at('exchange', 'routing-keys') == ['', ['bunny.q']] && death['time'].is_a?(Time), "x-death #{death}")
check(letter[:headers].slice(*headers.keys) == headers, "headers of the dead letter #{letter[:headers]}")

# In order, through a consumer that acknowledges.
received = []
channel.prefetch(5)
queue.subscribe(manual_ack: true) do |delivery, _, payload|
  received << payload
  channel.ack(delivery.delivery_tag)
end
20.times { |number| channel.default_exchange.publish(number.to_s, routing_key: 'bunny.q') }
eventually('20 messages') { received.size == 20 }
check(received == (0...20).map(&:to_s), "order #{received}")

# The four types; what matches nothing is returned.
red = { 'x-match' => 'all', 'colour' => 'red', 'size' => 1 }
[['direct', 'k', 'k', 'j'], ['fanout', '', 'any', nil], ['topic', 'a.*.#', 'a.b.c', 'a'],
 ['headers', '', '', '']].each do |kind, binding, key, other|
  exchange = channel.exchange("bunny.#{kind}", type: kind, auto_delete: true)
  returned = []
  exchange.on_return { |back, _, payload| returned << [back.reply_code, back.exchange, back.routing_key, payload] }
  bound = channel.queue('', exclusive: true).bind(exchange, routing_key: binding, arguments: kind == 'headers' ? red : {})
  exchange.publish(kind, routing_key: key, headers: { 'colour' => 'red', 'size' => 1 }, mandatory: true)
  check(get(bound)[2] == kind, kind)
  next unless other
  exchange.publish('lost', routing_key: other, headers: { 'colour' => 'blue', 'size' => 1 }, mandatory: true)
  eventually('return') { !returned.empty? }
  check(returned == [[312, "bunny.#{kind}", other, 'lost']], "returned #{returned}")
end
check(channel.wait_for_confirms, 'confirms')

begin
  connection.create_channel.queue('bunny.missing', passive: true)
  raise 'failed: found'
rescue Bunny::NotFound => error
  check(error.channel_close.reply_code == 404, error.message)
end
connection.close

begin
  Bunny.new(host: '127.0.0.1', port: port, vhost: 'nowhere', logger: Logger.new(nil), recover_from_connection_close: false).start
  raise 'failed: let in'
rescue Bunny::NotAllowedError => error
  check(error.connection_close.reply_code == 530 && error.message.include?('nowhere'), error.message)
end
puts 'ok'
