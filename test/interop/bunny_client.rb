# Debian's bunny against a broker; the last line is "ok".
require 'bunny'

port = Integer(ARGV[0])
connection = Bunny.new(host: '127.0.0.1', port: port, logger: Logger.new(nil))
connection.start
channel = connection.create_channel
channel.confirm_select
dead = channel.queue('bunny.dead', exclusive: true)
queue = channel.queue('bunny.q', exclusive: true, arguments: { 'x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => 'bunny.dead' })
headers = { 'text' => 't', 'int' => 5, 'bool' => true, 'list' => [1, 'b'], 'table' => { 'k' => 1 }, 'time' => Time.at(1_700_000_000) }
channel.default_exchange.publish('body', routing_key: 'bunny.q', headers: headers, persistent: true, priority: 2,
                                 correlation_id: 'c', message_id: 'm', timestamp: 1_700_000_000, type: 't', app_id: 'a')
raise 'not confirmed' unless channel.wait_for_confirms
info, properties, body = queue.pop(manual_ack: true)
raise "body #{body}" unless body == 'body'
raise "headers #{properties[:headers]}" unless properties[:headers]['table'] == { 'k' => 1 } && properties[:headers]['list'] == [1, 'b']
raise 'priority' unless properties[:priority] == 2
channel.reject(info.delivery_tag, false)
letter = nil
100.times do
  _, letter, = dead.pop
  break if letter
  sleep 0.02
end
raise 'no dead letter' unless letter[:headers]['x-death'][0]['reason'] == 'rejected'

received = []
queue.subscribe(manual_ack: true) do |delivery, _, payload|
  received << payload
  channel.ack(delivery.delivery_tag)
end
20.times { |number| channel.default_exchange.publish(number.to_s, routing_key: 'bunny.q') }
200.times { break if received.size == 20; sleep 0.02 }
raise "received #{received}" unless received == (0...20).map(&:to_s)

returned = []
exchange = channel.direct('bunny.x', auto_delete: true)
exchange.on_return { |info, _, _| returned << info.reply_code }
exchange.publish('lost', routing_key: 'nobody', mandatory: true)
100.times { break unless returned.empty?; sleep 0.02 }
raise 'not returned' unless returned == [312]
begin
  connection.create_channel.queue('bunny.missing', passive: true)
  raise 'found'
rescue Bunny::NotFound
end
connection.close
begin
  Bunny.new(host: '127.0.0.1', port: port, vhost: 'nowhere', logger: Logger.new(nil)).start
  raise 'let in'
rescue Bunny::NotAllowedError, Bunny::AuthenticationFailureError, Bunny::TCPConnectionFailed
end
puts 'ok'
