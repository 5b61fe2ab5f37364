// What the shell under the stand-in tells the test that started it, over the channel of the forked process.

export type StandInReport =
  | { kind: 'opened'; endpoint: string }
  | { kind: 'loaded' }
  | { kind: 'dialog'; message: string; detail: string; buttons: string[] }
  | { kind: 'notification'; options: unknown }
  | { kind: 'clipboard'; text: string }
  | { kind: 'openExternal'; url: string }
  | { kind: 'openPath'; path: string }
  | ShellState;

export interface ShellState {
  kind: 'state';
  windows: { options: WindowOptions; calls: string[]; visible: boolean }[];
  /** Labels; an item with a submenu is an object of one key. */
  menu: unknown[];
  tray: { toolTip: string; menu: unknown[] } | null;
  sandboxed: boolean;
  /** The answer to a check and to a request. */
  permissions: Record<string, { check: boolean; request: boolean }>;
  schemes: unknown[];
}

export interface WindowOptions {
  x?: number;
  y?: number;
  width?: number;
  height?: number;
  show?: boolean;
  webPreferences?: { preload?: string } & Record<string, unknown>;
}

export function tell(report: StandInReport): void {
  process.send?.(report);
}
