import type { Talk } from '../script.ts';

/** By name: what is said; what is heard goes into the script's transcript. */
export type Conversations = Record<string, Talk>;
