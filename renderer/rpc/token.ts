// The console's key in a browser: taken from the link's fragment once, then kept for this tab. A second tab asks the
// first for it; it is never stored beyond the tabs.
const key = 'warren.token';
const answerWithinMs = 300;
const tabs = new BroadcastChannel(key);

tabs.addEventListener('message', ({ data }: MessageEvent<string | null>) => {
  const kept = sessionStorage.getItem(key);
  if (data === null && kept !== null) tabs.postMessage(kept);
});

/** From a link such as `#token=KEY` or `#token=KEY/queues/%2F/orders`, else what this tab has kept. */
export function takeToken(): string | null {
  const match = /^#token=([\w-]+)(\/.*)?$/.exec(location.hash);
  if (match) {
    sessionStorage.setItem(key, match[1]!);
    // Unlike history.replaceState this tells the route.
    location.replace(`#${match[2] ?? '/'}`);
  }
  return sessionStorage.getItem(key);
}

export function tokenOfAnotherTab(): Promise<string | null> {
  return new Promise((resolve) => {
    const done = (token: string | null) => {
      tabs.removeEventListener('message', take);
      clearTimeout(timer);
      if (token !== null) keepToken(token);
      resolve(token);
    };
    const take = ({ data }: MessageEvent<string | null>) => {
      if (data !== null) done(data);
    };
    const timer = setTimeout(() => done(null), answerWithinMs);
    tabs.addEventListener('message', take);
    tabs.postMessage(null);
  });
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
