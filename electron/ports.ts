// A port that is taken: the user is told by whom, and offered the next free one.
import { dialog } from 'electron';
import { nextFreePort, portFault, portHolder } from '../broker/host/port-holder.ts';

/** The port to use, or null when the user would rather quit. */
export async function choosePort(host: string, port: number, what: string): Promise<number | null> {
  const fault = await portFault(host, port);
  if (fault === null) return port;
  const [holder, next] = await Promise.all([portHolder(port), nextFreePort(host, port)]);
  const { response } = await dialog.showMessageBox({
    type: 'question',
    message:
      fault === 'EACCES' ? `Port ${port} may not be used for ${what}` : `Port ${port} for ${what} is taken`,
    detail:
      fault === 'EACCES'
        ? 'The system keeps it for itself.'
        : holder
          ? `It is held by ${holder}.`
          : 'Another program has it.',
    buttons: next === null ? ['Quit'] : [`Use ${next}`, 'Quit'],
    defaultId: 0,
    cancelId: next === null ? 0 : 1,
  });
  return response === 0 ? next : null;
}
