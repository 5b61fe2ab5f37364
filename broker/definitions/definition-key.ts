// The identity of a definition: its kind and the names that tell it from others, as JSON array text.
import type { Definition, DefinitionKey, DefinitionRemoval } from './definitions-store.ts';

export function definitionKey({ kind, body }: Definition): DefinitionKey {
  return JSON.stringify([kind, ...identity({ kind, body } as Definition)]);
}

export function removalOf(definition: Definition): DefinitionRemoval {
  return { op: 'remove', kind: definition.kind, key: definitionKey(definition) };
}

function identity({ kind, body }: Definition): unknown[] {
  switch (kind) {
    case 'vhost':
    case 'user':
    case 'global-parameter':
      return [body.name];
    case 'permission':
      return [body.user, body.vhost];
    case 'topic-permission':
      return [body.user, body.vhost, body.exchange];
    case 'exchange':
    case 'queue':
      return [body.vhost, body.name];
    case 'binding':
      return [
        body.vhost,
        body.source,
        body.destinationType,
        body.destination,
        body.routingKey,
        body.arguments,
      ];
    case 'policy':
      return [body.vhost, body.operator, body.name];
    case 'parameter':
      return [body.vhost, body.component, body.name];
  }
}
