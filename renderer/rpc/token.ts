// The console's key in a browser: taken from the link's fragment once, then kept for this tab.
const key = 'warren.token';

export function takeToken(): string | null {
  const match = /^#token=([\w-]+)$/.exec(location.hash);
  if (match) {
    sessionStorage.setItem(key, match[1]!);
    history.replaceState(null, '', location.pathname + '#/');
  }
  return sessionStorage.getItem(key);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(key, token);
}

export function dropToken(): void {
  sessionStorage.removeItem(key);
}

/** Trades a user's name and password for the token. Throws with a text for the user. */
export async function login(user: string, password: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  const answer = await fetch('/console/login', {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` },
  }).catch(() => null);
  if (!answer) throw new Error('The host does not answer.');
  const { token, reason } = (await answer.json()) as { token?: string; reason?: string };
  if (!token) throw new Error(reason ?? 'The login was refused.');
  return token;
}
