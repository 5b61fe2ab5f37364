// The virtual host in view. Links that name one switch to it.
const key = 'warren.vhost';

class VhostState {
  name = $state(localStorage.getItem(key) ?? '/');

  choose(name: string): void {
    if (name === this.name) return;
    this.name = name;
    localStorage.setItem(key, name);
  }
}

export const vhost = new VhostState();
