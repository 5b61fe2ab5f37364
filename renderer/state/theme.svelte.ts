// Light, dark, or as the system says. Kept in the browser: it is about this screen, not about the broker.
export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'warren.theme';
const system = window.matchMedia('(prefers-color-scheme: dark)');

class ThemeState {
  chosen = $state<Theme>(readKept());
  #systemDark = $state(system.matches);

  constructor() {
    system.addEventListener('change', () => {
      this.#systemDark = system.matches;
      this.apply();
    });
  }

  get dark(): boolean {
    return this.chosen === 'dark' || (this.chosen === 'system' && this.#systemDark);
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    localStorage.setItem(key, theme);
    this.apply();
  }

  apply(): void {
    document.documentElement.dataset['theme'] = this.dark ? 'dark' : 'light';
  }
}

function readKept(): Theme {
  const kept = localStorage.getItem(key);
  return themes.find((theme) => theme === kept) ?? 'system';
}

export const theme = new ThemeState();
