// Reports as files.
import { connection } from '../rpc/connection.svelte.ts';
import { attempt } from '../state/actions.svelte.ts';
import { link } from '../state/link.ts';
import { saveText } from '../ui/save-file.ts';

/** One page for one report or for several side by side. */
export const downloadHtml = (ids: string[]) =>
  attempt(async () => {
    const html = await connection.callHost('lab.html', { ids });
    saveText(`warren-lab-${ids.length === 1 ? ids[0] : `${ids.length}-runs`}.html`, html, 'text/html');
  });

export const downloadJson = (ids: string[]) =>
  attempt(async () => {
    const reports = await Promise.all(ids.map((id) => connection.callHost('lab.report', { id })));
    const [first] = reports;
    const value = reports.length === 1 ? first : reports;
    const name = reports.length === 1 ? first!.id : `${reports.length}-runs`;
    saveText(`warren-lab-${name}.json`, JSON.stringify(value, null, 2), 'application/json');
  });

export const compareLink = (ids: string[]) =>
  `${link('lab', 'compare')}?${new URLSearchParams({ ids: ids.join(',') }).toString()}`;
