// Bindings in an array, each knowing its place: one of very many is taken out without looking for it.
import type { Binding } from './exchange.ts';

export function addBinding(list: Binding[], binding: Binding): void {
  binding.place = list.length;
  list.push(binding);
}

/** The last one takes its place. */
export function removeBinding(list: Binding[], binding: Binding): void {
  if (list[binding.place] !== binding) return;
  const last = list.pop()!;
  if (last === binding) return;
  list[binding.place] = last;
  last.place = binding.place;
}
