// Where a platform keeps an application's data.
import { homedir } from 'node:os';
import { join } from 'node:path';

export function defaultDataFolder(env = process.env, platform = process.platform): string {
  const home = homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Warren');
  if (platform === 'win32') return join(env['APPDATA'] ?? join(home, 'AppData', 'Roaming'), 'Warren');
  return join(env['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'warren');
}
