// The built console as files: what a path names below its folder, with the headers it is served with, whoever serves
// it. Nothing outside the folder and nothing of an unknown kind is ever answered.
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';

const contentTypes: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** No inline script or style, nothing from elsewhere. `connect`: where the page may send requests. */
function contentSecurityPolicy(connect: "'self'" | "'none'"): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "worker-src 'self'",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export interface ConsoleFile {
  bytes: Uint8Array<ArrayBuffer>;
  headers: Record<string, string>;
}

/** Null when the path (percent-encoded, beginning with a slash) names none of the console's files. */
export async function consoleFile(
  folder: string,
  pathname: string,
  connect: "'self'" | "'none'",
): Promise<ConsoleFile | null> {
  const file = fileOf(folder, pathname);
  const contentType = file === null ? undefined : contentTypes[extname(file)];
  if (file === null || contentType === undefined) return null;
  const bytes = await readFile(file).catch(() => null);
  if (bytes === null) return null;
  return {
    bytes: new Uint8Array(bytes),
    headers: {
      'content-type': contentType,
      'content-security-policy': contentSecurityPolicy(connect),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      // Built files carry a hash in their names; the page itself does not.
      'cache-control': pathname.startsWith('/assets/') ? 'max-age=31536000, immutable' : 'no-cache',
    },
  };
}

function fileOf(folder: string, pathname: string): string | null {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return null;
  }
  if (path.includes('\0')) return null;
  const file = normalize(join(folder, path === '/' ? 'index.html' : path));
  return file.startsWith(folder + sep) ? file : null;
}
