// A child process's channel to the host that made it: Electron's parentPort in a utility process, child_process's
// IPC otherwise.

export interface ParentChannel {
  post(message: unknown): void;
  listen(handler: (message: unknown) => void): void;
  onClosed(handler: () => void): void;
}

interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
}

export function parentChannel(): ParentChannel {
  const { parentPort } = process as { parentPort?: ParentPort };
  if (parentPort)
    return {
      post: (message) => parentPort.postMessage(message),
      listen: (handler) => parentPort.on('message', ({ data }) => handler(data)),
      onClosed: () => undefined, // Electron ends its utility processes itself
    };
  return {
    post: (message) => void (process.connected && process.send?.(message)),
    listen: (handler) => void process.on('message', handler),
    onClosed: (handler) => void process.on('disconnect', handler),
  };
}
