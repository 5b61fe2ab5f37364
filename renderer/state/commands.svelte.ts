// What the screen in view can do, for the palette: a screen offers its verbs while it is shown.
import { SvelteMap } from 'svelte/reactivity';

export interface Command {
  label: string;
  run: () => void;
}

const offered = new SvelteMap<symbol, () => Command[]>();

/** Call while a component is set up. `list` is read when the palette opens. */
export function offerCommands(list: () => Command[]): void {
  $effect(() => {
    const key = Symbol();
    offered.set(key, list);
    return () => offered.delete(key);
  });
}

export function commandsInView(): Command[] {
  return [...offered.values()].flatMap((list) => list());
}
