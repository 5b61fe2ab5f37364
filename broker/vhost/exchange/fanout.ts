// fanout: every bound destination, whatever the key (R8).
import type { Message } from '../message.ts';
import type { Binding, Routing, RoutingTable } from './exchange.ts';

export class FanoutTable implements RoutingTable {
  readonly #bindings: Binding[] = [];

  add(binding: Binding): void {
    this.#bindings.push(binding);
  }

  remove(binding: Binding): void {
    const index = this.#bindings.indexOf(binding);
    if (index >= 0) this.#bindings.splice(index, 1);
  }

  route(_message: Message, _routingKey: string, routing: Routing): void {
    const bindings = this.#bindings;
    for (let i = 0; i < bindings.length; i++) routing.reach(bindings[i]!.destination);
  }
}
