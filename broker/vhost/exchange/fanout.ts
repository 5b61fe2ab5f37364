// fanout: every bound destination, whatever the key (R8).
import type { Message } from '../message.ts';
import { addBinding, removeBinding } from './binding-list.ts';
import type { Binding, Routing, RoutingTable } from './exchange.ts';

export class FanoutTable implements RoutingTable {
  readonly #bindings: Binding[] = [];

  add(binding: Binding): void {
    addBinding(this.#bindings, binding);
  }

  remove(binding: Binding): void {
    removeBinding(this.#bindings, binding);
  }

  route(_message: Message, _routingKey: string, routing: Routing): void {
    const bindings = this.#bindings;
    for (let i = 0; i < bindings.length; i++) routing.reach(bindings[i]!.destination);
  }
}
