// Scripts to begin with, beside the fault library: each says what happens, and who fell to it where somebody did.
export interface ReadyScript {
  name: string;
  script: string;
  story: string;
  fell: string | null;
}

export const readyScripts: readonly ReadyScript[] = [
  {
    name: 'Killed leader',
    script: '+5s kill active',
    story: 'The active node’s process is gone in an instant.',
    fell: 'HAProxy before two RabbitMQ servers asks every 2 s and believes the third silence: up to 6 s of outage.',
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
    name: 'Killed, then drained',
    script: '+3s kill active\n+8s drain',
    story: 'What an independent node took with it is on it when it is back, and goes to the one that serves.',
    fell: 'Pairs of HAProxy and RabbitMQ: nobody drains the failed server.',
  },
  {
    name: 'Flapping clients',
    script: '+3s cut clients for 300ms\n+4s cut clients for 300ms\n+5s cut clients for 300ms',
    story: 'The clients lose their connections again and again; the nodes are well.',
    fell: null,
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
