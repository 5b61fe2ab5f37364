// direct: routing key equals binding key; one key may bind many (R8).
import type { Message } from '../message.ts';
import type { Binding, Routing, RoutingTable } from './exchange.ts';

export class DirectTable implements RoutingTable {
  readonly #byKey = new Map<string, Binding[]>();

  add(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey);
    if (bindings) bindings.push(binding);
    else this.#byKey.set(binding.routingKey, [binding]);
  }

  remove(binding: Binding): void {
    const left = this.#byKey.get(binding.routingKey)?.filter((each) => each !== binding) ?? [];
    if (left.length > 0) this.#byKey.set(binding.routingKey, left);
    else this.#byKey.delete(binding.routingKey);
  }

  route(_message: Message, routingKey: string, routing: Routing): void {
    const bindings = this.#byKey.get(routingKey);
    if (!bindings) return;
    for (let i = 0; i < bindings.length; i++) routing.reach(bindings[i]!.destination);
  }
}
