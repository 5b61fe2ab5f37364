// The exchange types, and where each sends a message.
export const exchangeTypes: [string, string][] = [
  ['direct', 'to every binding whose key equals the message’s'],
  ['topic', 'by words of the key: * is one word, # any number'],
  ['fanout', 'to every binding, whatever the key'],
  ['headers', 'to bindings whose arguments the headers match'],
];

const sentences: Record<string, string> = {
  direct: 'Sends a message to every binding whose key equals the message’s.',
  topic:
    'Sends a message to every binding whose pattern its key matches: * is one word, # any number of words.',
  fanout: 'Sends a message to every binding, whatever its key.',
  headers: 'Sends a message to every binding whose arguments its headers match.',
};

export const routesBy = (type: string) => sentences[type] ?? '';
