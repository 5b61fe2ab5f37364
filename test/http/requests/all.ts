import type { HttpTalks } from '../http-script.ts';
import { access } from './access.ts';
import { resources } from './resources.ts';
import { state } from './state.ts';
import { topology } from './topology.ts';

export const talks: HttpTalks = { ...resources, ...topology, ...access, ...state };
