// Layouts are computed beside the window's own thread: a thousand queues do not hold up a key press.
import { arrange, type Way } from './arrange.ts';

addEventListener('message', ({ data }: MessageEvent<{ ids: string[]; ways: Way[] }>) => {
  postMessage(arrange(data.ids, data.ways));
});
