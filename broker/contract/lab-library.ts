// Faults that somebody fell to, as scripts to run: each says what happens and whose users found out.
export interface LibraryEntry {
  name: string;
  script: string;
  story: string;
  /** Who fell to it; null for what everybody should be able to do. */
  fell: string | null;
}

export const faultLibrary: readonly LibraryEntry[] = [
  {
    name: 'Killed leader',
    script: '+5s kill active',
    story: 'The active node’s process is gone in an instant.',
    fell: 'HAProxy before two RabbitMQ servers asks every 2 s and believes the third silence: up to 6 s of outage.',
  },
  {
    name: 'Zombie leader',
    script: '+4s pause active for 5s',
    story: 'The active hangs past its time, the standby takes over, and the old active wakes up.',
    fell: 'ActiveMQ Artemis over a store that came back: two actives (artemis#4344).',
  },
  {
    name: 'Paused follower',
    script: '+4s pause standby for 4s',
    story: 'The standby hangs with its connections open. The active has to go on.',
    fell: 'LavinMQ: a paused follower held up every publisher (lavinmq#884).',
  },
  {
    name: 'Stop under load',
    script: '+5s stop active for 2s',
    story: 'An ordered stop of the active while messages come in.',
    fell: 'LavinMQ lost messages in an ordered stop (lavinmq#827).',
  },
  {
    name: 'Old leader, alone',
    script: '+3s stop a\n+5s stop b\n+6s start a\n+9s start b',
    story: 'After a takeover both are down, and the one that lacks the newest messages comes back first.',
    fell: 'ActiveMQ Artemis without its check: a primary restarted alone serves handled messages again.',
  },
  {
    name: 'Both at once',
    script: '+5s kill active\n+5.05s kill standby',
    story: 'Both processes die before either is back. What was confirmed must be on the disks.',
    fell: 'NATS JetStream 2.12.1 lost 131,418 of 930,005 confirmed messages when power went (Jepsen).',
  },
  {
    name: 'Follower killed while it catches up',
    script: '+3s stop b for 2s\n+5.2s kill b\n+7s kill active',
    story: 'The copy is behind, catches up, is killed on the way, and is asked to take over soon after.',
    fell: 'ActiveMQ Artemis: a synchronisation cut short could look complete (artemis#3687).',
  },
  {
    name: 'Disk stalls, heart beats',
    script: '+4s disk-stall active for 5s',
    story: 'Every file operation of the active hangs while its process answers as if all were well.',
    fell: 'LavinMQ: the lease is renewed by another thread, so no follower ever takes over (lavinmq#2151, open).',
  },
  {
    name: 'Flipped bits in the copy',
    script: '+3s stop standby\n+4s corrupt b\n+5s start b\n+8s kill active',
    story: 'The standby’s journal is damaged while it is away; then it is asked to take over.',
    fell: 'NATS JetStream 2.12.1: one flipped bit on a minority node lost 679,153 of 1,367,069 messages (Jepsen).',
  },
  {
    name: 'Torn at the join',
    script: '+3s stop standby\n+4s tear b\n+5s start b\n+8s kill active',
    story: 'The copy ends in half a commit when it comes back to catch up.',
    fell: 'ActiveMQ Artemis: a synchronisation cut short could look complete (artemis#3687).',
  },
  {
    name: 'Full disk',
    script: '+4s disk-full active for 3s',
    story: 'There is no room on the active’s disk for a while. It must stop confirming, not lie.',
    fell: null,
  },
  {
    name: 'Slow disk',
    script: '+3s slow-sync active 200ms for 5s',
    story: 'Each sync takes a fifth of a second more.',
    fell: null,
  },
  {
    name: 'Clock jump',
    script: '+3s clock-jump active 1h for 4s',
    story: 'The active’s wall clock is an hour ahead, then right again.',
    fell: null,
  },
  {
    name: 'Nodes cannot see each other',
    script: '+3s cut peer for 4s',
    story: 'The link between the nodes is cut, and nobody is told. Only one may serve.',
    fell: 'ActiveMQ Artemis without a vote: both told that they are primary.',
  },
  {
    name: 'Killed, then drained',
    script: '+3s kill active\n+8s drain',
    story: 'What an independent node took with it is on it when it is back, and goes to the one that serves.',
    fell: 'Pairs of HAProxy and RabbitMQ: nobody drains the failed server.',
  },
  {
    name: 'Flapping link',
    script: '+3s cut clients for 300ms\n+4s cut clients for 300ms\n+5s cut clients for 300ms',
    story: 'The clients lose their connections again and again; the nodes are well.',
    fell: 'HAProxy pairs: two servers in use after a link that came and went.',
  },
  {
    name: 'Half-open connections',
    script: '+4s freeze clients for 3s',
    story: 'Connections stay open and nothing comes through, as behind a firewall that forgot them.',
    fell: null,
  },
  {
    name: 'Slow network',
    script: '+3s delay clients 100ms for 4s',
    story: 'Every byte comes a tenth of a second later, each way.',
    fell: null,
  },
  {
    name: 'Planned switch-over',
    script: '+5s switch-over',
    story: 'The active hands over in order and tells its clients 320.',
    fell: null,
  },
];
