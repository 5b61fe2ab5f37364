// Policies: which one governs a name. The highest priority that matches wins, alone; operator policies are
// chosen the same way and combined with it (queue-settings.ts).
import type { DefinitionBodies } from '../definitions/definitions-store.ts';

export type Policy = DefinitionBodies['policy'];

export class PolicySet {
  readonly #policies = new Map<string, { policy: Policy; pattern: RegExp }>();

  get all(): Policy[] {
    return [...this.#policies.values()].map(({ policy }) => policy);
  }

  /** Throws SyntaxError when the pattern is not a regular expression. */
  put(policy: Policy): void {
    this.#policies.set(keyOf(policy.name, policy.operator), { policy, pattern: new RegExp(policy.pattern) });
  }

  remove(name: string, operator: boolean): boolean {
    return this.#policies.delete(keyOf(name, operator));
  }

  get(name: string, operator: boolean): Policy | undefined {
    return this.#policies.get(keyOf(name, operator))?.policy;
  }

  /** The policy that governs a queue or exchange, null where none does. */
  matching(kind: 'queues' | 'exchanges', name: string, operator: boolean): Policy | null {
    let best: Policy | null = null;
    for (const { policy, pattern } of this.#policies.values()) {
      if (policy.operator !== operator || (policy.applyTo !== 'all' && policy.applyTo !== kind)) continue;
      if ((best === null || policy.priority > best.priority) && pattern.test(name)) best = policy;
    }
    return best;
  }
}

function keyOf(name: string, operator: boolean): string {
  return `${operator ? 'operator' : 'user'}:${name}`;
}
