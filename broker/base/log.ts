// The log as its writers see it; where lines go is the composition root's matter.
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export function logTo(sink: (level: LogLevel, message: string) => void): Log {
  return {
    debug: (message) => sink('debug', message),
    info: (message) => sink('info', message),
    warn: (message) => sink('warn', message),
    error: (message) => sink('error', message),
  };
}

export const silentLog: Log = logTo(() => undefined);
