// Times on screen in the machine's zone or in UTC.
import { useUtc } from '../ui/format.ts';

const key = 'warren.utc';

class Zone {
  utc = $state(localStorage.getItem(key) === 'yes');

  constructor() {
    useUtc(this.utc);
  }

  toggle(): void {
    this.utc = !this.utc;
    localStorage.setItem(key, this.utc ? 'yes' : 'no');
    useUtc(this.utc);
  }
}

export const zone = new Zone();
