// The first message of a client, in a few languages.
export const snippets: { label: string; code: (uri: string) => string }[] = [
  {
    label: 'Shell',
    code: (uri) => `amqp-declare-queue -u ${uri} -d -q hello
amqp-publish -u ${uri} -r hello -p -b 'Hello Warren'
amqp-get -u ${uri} -q hello`,
  },
  {
    label: 'Node.js',
    code: (uri) => `import amqp from 'amqplib';

const connection = await amqp.connect('${uri}');
const channel = await connection.createConfirmChannel();
await channel.assertQueue('hello');
channel.sendToQueue('hello', Buffer.from('Hello Warren'), { persistent: true });
await channel.waitForConfirms();
await connection.close();`,
  },
  {
    label: 'Python',
    code: (uri) => `import pika

connection = pika.BlockingConnection(pika.URLParameters('${uri}'))
channel = connection.channel()
channel.queue_declare('hello', durable=True)
channel.basic_publish('', 'hello', b'Hello Warren', pika.BasicProperties(delivery_mode=2))
connection.close()`,
  },
  {
    label: 'Java',
    code: (uri) => `var factory = new ConnectionFactory();
factory.setUri("${uri}");
try (var connection = factory.newConnection(); var channel = connection.createChannel()) {
  channel.queueDeclare("hello", true, false, false, null);
  channel.basicPublish("", "hello", MessageProperties.PERSISTENT_TEXT_PLAIN, "Hello Warren".getBytes());
}`,
  },
  {
    label: '.NET',
    code: (uri) => `var factory = new ConnectionFactory { Uri = new Uri("${uri}") };
await using var connection = await factory.CreateConnectionAsync();
await using var channel = await connection.CreateChannelAsync();
await channel.QueueDeclareAsync("hello", durable: true, exclusive: false, autoDelete: false);
await channel.BasicPublishAsync("", "hello", "Hello Warren"u8.ToArray());`,
  },
];
