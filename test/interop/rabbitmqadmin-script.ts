// What Debian's rabbitmqadmin is told to do, in order, to a broker that is fresh: the same for RabbitMQ and for Warren.
// Everything is within the virtual host `shop` but the lists of virtual hosts and users themselves.

export interface Step {
  /** Arguments, parted by blanks; FOLDER stands for the folder of this run. */
  command: string;
  /** Asked again until its output has this: RabbitMQ's statistics come seconds later. */
  until?: string;
  /** Asked again while its output has this: the connection that RabbitMQ's own API used is listed a while longer. */
  whileThere?: string;
  /** Of the object in the output only the names of its keys are compared, as what they hold differs. */
  keysOnly?: true;
  /** What standard input gives. */
  input?: string;
}

const shop = '-V shop';
const plain = (...commands: string[]): Step[] => commands.map((command) => ({ command }));

/** Nothing but what a fresh broker has, then the things themselves. */
const declared: Step[] = [
  { command: '-f raw_json show overview', keysOnly: true },
  ...plain(
    'list vhosts name tracing',
    '-f pretty_json list users name tags',
    'list permissions user vhost configure write read',
    '-S name list exchanges vhost name type durable auto_delete internal',
    'list queues name',
    'list bindings source destination',
    'list connections name',
    'list channels name',
    'list consumers queue.name',
    'list policies name',
    'list operator_policies name',
    'list parameters name',
    'list vhost_limits vhost',
    'list nodes type running',
    'declare vhost name=shop',
    'declare user name=alice password=wonderland tags=management',
    'declare user name=bob password=builder tags=monitoring,policymaker',
    'declare user name=carol password=x',
    'declare permission vhost=shop user=guest configure=.* write=.* read=.*',
    'declare permission vhost=shop user=alice configure=^a write=^b read=^c',
    'declare permission vhost=nowhere user=alice configure= write= read=',
    'declare permission vhost=shop user=nobody configure= write= read=',
    `${shop} declare exchange name=orders type=topic`,
    `${shop} declare exchange name=archive type=fanout durable=false auto_delete=true`,
    `${shop} declare exchange name=inner type=headers internal=true arguments={"alternate-exchange":"archive"}`,
    `${shop} declare queue name=new.orders`,
    `${shop} declare queue name=limited durable=false arguments={"x-max-length":3,"x-overflow":"reject-publish"}`,
    `${shop} declare queue name=brief auto_delete=true`,
    `${shop} declare binding source=orders destination=new.orders routing_key=order.#`,
    `${shop} declare binding source=orders destination=archive destination_type=exchange routing_key=*.paid`,
    `${shop} declare binding source=inner destination=limited arguments={"x-match":"all","a":1}`,
    `${shop} declare policy name=short pattern=^brief definition={"message-ttl":60000} priority=2 apply-to=queues`,
    `${shop} declare operator_policy name=cap pattern=^lim definition={"max-length":100} apply-to=queues`,
  ),
];

const listed: Step[] = [
  {
    command: `${shop} -S name -f pretty_json list queues name arguments policy vhost`,
    until: '"policy": "short"',
  },
  ...plain(
    '-S name list vhosts name tracing',
    '-S name -f pretty_json list users name tags',
    `-S user list permissions user vhost configure write read`,
    `${shop} -S name list exchanges name type durable auto_delete internal`,
    `${shop} -S name -f pretty_json list exchanges name arguments policy`,
    `${shop} -S name list queues name durable auto_delete exclusive`,
    `${shop} -S name -R list queues name`,
    `${shop} -S destination -f pretty_json list bindings source destination destination_type routing_key arguments properties_key`,
    `${shop} -S name list policies vhost name pattern apply-to definition priority`,
    `list operator_policies vhost name pattern apply-to definition priority`,
    `${shop} -f tsv -S name list queues name`,
    `${shop} -f kvp -S name list queues name durable`,
    `${shop} -f long -S name list exchanges name type`,
    `${shop} -f bash -S name list exchanges`,
    `${shop} list queues nothing`,
    `${shop} list things`,
  ),
];

const refused: Step[] = plain(
  `${shop} declare exchange name=orders type=topic`,
  `${shop} declare exchange name=orders type=direct`,
  `${shop} declare exchange name=other type=unheard`,
  `${shop} declare exchange name=amq.mine type=direct`,
  `${shop} declare queue name=new.orders`,
  `${shop} declare queue name=new.orders durable=false`,
  `${shop} declare queue name=new.orders arguments={"x-message-ttl":5}`,
  `${shop} declare queue name=wrong arguments={"x-message-ttl":-5}`,
  `${shop} declare queue name=wrong durable=perhaps`,
  `${shop} declare queue`,
  `${shop} declare binding source=nowhere destination=new.orders`,
  `${shop} declare binding source=orders destination=nowhere`,
  `${shop} declare policy name=bad pattern=( definition={"message-ttl":1}`,
  `${shop} declare policy name=bad pattern=x definition={"unheard":1}`,
  `${shop} declare policy name=bad pattern=x definition={"message-ttl":"soon"}`,
  '-V nowhere declare queue name=q',
  '-V nowhere list queues name',
  '-p wrong list queues name',
  '-u nobody -p wrong list queues name',
  '-u carol -p x list queues name',
  '-u alice -p wonderland list users name',
  `-u alice -p wonderland ${shop} declare queue name=b.refused`,
  `-u alice -p wonderland ${shop} declare queue name=a.allowed`,
);

const messages: Step[] = [
  ...plain(
    `${shop} publish exchange=orders routing_key=order.new payload=first`,
    `${shop} publish exchange=orders routing_key=nobody payload=lost`,
    `${shop} publish exchange=orders routing_key=order.paid payload=second properties={"delivery_mode":2,"content_type":"text/plain","headers":{"n":1,"deep":{"list":[true,"x"]}},"priority":3,"message_id":"m1"}`,
    `${shop} publish routing_key=new.orders payload=AAEC/w== payload_encoding=base64`,
    `${shop} publish routing_key=new.orders payload=* payload_encoding=base64`,
    `${shop} publish routing_key=new.orders payload=x payload_encoding=unheard`,
    `${shop} publish exchange=nowhere routing_key=x payload=x`,
  ),
  { command: `${shop} publish routing_key=new.orders`, input: 'from standard input' },
  {
    command: `${shop} -f pretty_json -S name list queues name messages messages_ready messages_unacknowledged`,
    until: '"messages_ready": 4',
  },
  ...plain(
    `${shop} -f pretty_json get queue=new.orders count=10 ackmode=ack_requeue_true`,
    `${shop} get queue=new.orders ackmode=reject_requeue_true`,
    `${shop} -f pretty_json get queue=new.orders count=2 ackmode=ack_requeue_false`,
    `${shop} -f pretty_json get queue=new.orders count=1 encoding=base64 ackmode=reject_requeue_false`,
    `${shop} get queue=new.orders payload_file=FOLDER/payload ackmode=ack_requeue_false`,
    `${shop} get queue=new.orders ackmode=ack_requeue_false`,
    `${shop} get queue=new.orders ackmode=unheard`,
    `${shop} get queue=nowhere`,
    `${shop} publish routing_key=limited payload=1`,
    `${shop} publish routing_key=limited payload=2`,
    `${shop} publish routing_key=limited payload=3`,
    `${shop} publish routing_key=limited payload=4`,
    `${shop} purge queue name=limited`,
    `${shop} get queue=limited`,
    `${shop} purge queue name=nowhere`,
  ),
];

/** While one client is connected, with one channel and one consumer on `new.orders`. */
export const whileConnected: Step[] = [
  {
    command: '-f pretty_json list connections user vhost protocol name',
    until: '"user"',
    whileThere: 'Direct',
  },
  { command: '-f pretty_json list channels user vhost number', until: '"number"' },
  {
    command: `${shop} -f pretty_json list consumers queue.name consumer_tag ack_required exclusive arguments`,
    until: '"consumer_tag"',
  },
  { command: 'close connection name=nobody' },
];

const removed: Step[] = plain(
  'export FOLDER/whole.json',
  `${shop} export FOLDER/exported.json`,
  `${shop} delete binding source=orders destination_type=queue destination=new.orders properties_key=order.%23`,
  `${shop} delete binding source=orders destination_type=queue destination=new.orders properties_key=nothing`,
  `${shop} delete queue name=new.orders`,
  `${shop} delete queue name=new.orders`,
  `${shop} delete exchange name=orders`,
  `${shop} delete exchange name=orders`,
  `${shop} delete exchange name=amq.direct`,
  `${shop} delete policy name=short`,
  `${shop} delete policy name=short`,
  `${shop} delete operator_policy name=cap`,
  'delete permission vhost=shop user=alice',
  'delete permission vhost=shop user=nobody',
  'delete user name=bob',
  'delete user name=bob',
  `${shop} -S name list queues name`,
  `${shop} import FOLDER/exported.json`,
  'import FOLDER/whole.json',
  `${shop} -S name list queues name durable auto_delete`,
  `${shop} -S name list exchanges name type`,
  `${shop} -S destination list bindings source destination destination_type routing_key`,
  `${shop} list policies name pattern priority`,
  '-S user list permissions user vhost configure write read',
  'import FOLDER/missing.json',
  `delete vhost name=shop`,
  `delete vhost name=shop`,
  'delete user name=alice',
  'delete user name=carol',
  'list vhosts name',
  'list users name',
  'delete things name=x',
);

export const beforeConnected = [...declared, ...listed, ...refused, ...messages];
export const afterConnected = removed;

/** Where Warren ends otherwise, for the reasons in test/conformance/deviations.md. */
export const deviating: ReadonlySet<string> = new Set([
  `${shop} declare policy name=bad pattern=( definition={"message-ttl":1}`,
  `${shop} get queue=new.orders ackmode=unheard`,
]);
