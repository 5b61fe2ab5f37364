// The import direction of the house (ARCHITECTURE.md, "Layout"): a floor imports only what stands below it.
const floors = [
  ['contract', []],
  ['base', ['contract']],
  ['amqp', ['contract', 'base']],
  ['journal', ['base']],
  ['definitions', ['contract', 'base']],
  ['auth', ['contract', 'base', 'amqp', 'definitions']],
  ['vhost', ['contract', 'base', 'amqp', 'journal', 'definitions']],
  ['channel', ['contract', 'base', 'amqp', 'journal', 'definitions', 'auth', 'vhost']],
  ['connection', ['contract', 'base', 'amqp', 'journal', 'auth', 'vhost', 'channel']],
  [
    'management',
    ['contract', 'base', 'amqp', 'journal', 'definitions', 'auth', 'vhost', 'channel', 'connection'],
  ],
  ['pair', ['contract', 'base', 'amqp', 'journal', 'definitions']],
  [
    'node',
    [
      'contract',
      'base',
      'amqp',
      'journal',
      'definitions',
      'auth',
      'vhost',
      'channel',
      'connection',
      'management',
      'pair',
    ],
  ],
  ['lab', ['contract', 'base', 'amqp']],
  ['bridge', ['contract', 'base', 'amqp', 'lab']],
  ['host', ['contract', 'base', 'pair', 'lab', 'bridge']],
];

module.exports = {
  forbidden: [
    ...floors.map(([name, allowed]) => ({
      name: `broker/${name} imports only what stands below it`,
      severity: 'error',
      from: { path: `^broker/${name}/` },
      to: {
        path: '^(broker|electron|renderer|test)/',
        pathNot: `^broker/(${[name, ...allowed].join('|')})/`,
      },
    })),
    {
      name: 'the console knows the broker by its contract only',
      severity: 'error',
      from: { path: '^renderer/' },
      to: { path: '^(broker|electron|test)/', pathNot: '^broker/contract/' },
    },
    {
      name: 'the shell reaches the broker through the host and the contract',
      severity: 'error',
      from: { path: '^electron/' },
      to: { path: '^(broker|renderer|test)/', pathNot: '^broker/(contract|host|base)/' },
    },
    {
      name: 'no cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.svelte.ts', '.js', '.mjs', '.svelte'] },
  },
};
