// direct: routing key equals binding key; one key may bind many (R8).
import type { Message } from '../message.ts';
import { addBinding, removeBinding } from './binding-list.ts';
import type { Binding, Routing, RoutingTable } from './exchange.ts';

export class DirectTable implements RoutingTable {
  readonly #byKey = new Map<string, Binding[]>();

  add(binding: Binding): void {
    let bindings = this.#byKey.get(binding.routingKey);
    if (!bindings) this.#byKey.set(binding.routingKey, (bindings = []));
    addBinding(bindings, binding);
  }

  remove(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey);
    if (!bindings) return;
    removeBinding(bindings, binding);
    if (bindings.length === 0) this.#byKey.delete(binding.routingKey);
  }

  route(_message: Message, routingKey: string, routing: Routing): void {
    const bindings = this.#byKey.get(routingKey);
    if (!bindings) return;
    for (let i = 0; i < bindings.length; i++) routing.reach(bindings[i]!.destination);
  }
}
