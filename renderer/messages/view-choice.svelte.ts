// How payloads of a queue were looked at last: the next message of it is shown the same way.
import { SvelteMap } from 'svelte/reactivity';
import type { PayloadView } from './payload.ts';

export const viewChoices = new SvelteMap<string, PayloadView>();
