// Debian's RabbitMQ as a child process, in a folder of its own, on ports of its own.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const execFileInBackground = promisify(execFile);
const script = '/usr/lib/rabbitmq/bin/rabbitmq-server';

export const rabbitmqInstalled = existsSync(script);

export interface RabbitMq {
  amqpPort: number;
  managementPort: number;
  /** Of the process group that it and all it starts are in. */
  pid: number;
  folder: string;
  /** Moves a limit so that the alarm is raised, or back. */
  setLow(kind: 'memory' | 'disk', low: boolean): Promise<void>;
  /** Stops it in order; its folder goes with `stop`. */
  shutDown(): Promise<void>;
  /** Removes its folder, unless it is to be kept for another start. */
  stop(keepFolder?: boolean): Promise<void>;
}

export interface RabbitMqOptions {
  /** The management plugin, which costs a share of each message; default true. */
  management?: boolean;
  /** What an earlier one left. */
  resume?: { folder: string; amqpPort: number };
  /** Default: RabbitMQ's own. */
  messageBytesMax?: number;
  /** How often it gathers figures; default: RabbitMQ's own, 5 s. */
  statisticsIntervalMs?: number;
}

/** Resolves when it answers AMQP and, with the management plugin, HTTP. */
export async function startRabbitMq({
  management = true,
  resume,
  messageBytesMax,
  statisticsIntervalMs,
}: RabbitMqOptions = {}): Promise<RabbitMq> {
  const folder = resume?.folder ?? mkdtempSync(join(tmpdir(), 'rabbitmq-'));
  const amqpPort = resume?.amqpPort ?? (await freePort());
  const [managementPort, distPort] = [await freePort(), await freePort()];
  for (const name of ['home', 'mnesia', 'log']) mkdirSync(join(folder, name), { recursive: true });
  const name = `oracle${process.pid}x${amqpPort}`;
  writeFileSync(join(folder, 'plugins'), management ? '[rabbitmq_management].\n' : '[].\n');
  writeFileSync(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${amqpPort}`,
      ...(management ? ['management.tcp.ip = 127.0.0.1', `management.tcp.port = ${managementPort}`] : []),
      ...(messageBytesMax === undefined ? [] : [`max_message_size = ${messageBytesMax}`]),
      ...(statisticsIntervalMs === undefined
        ? []
        : [`collect_statistics_interval = ${statisticsIntervalMs}`]),
      'log.console.level = error',
      'vm_memory_high_watermark.relative = 0.6',
      'disk_free_limit.absolute = 50MB',
      '',
    ].join('\n'),
  );
  const env = {
    PATH: '/usr/lib/rabbitmq/bin:/usr/bin:/bin',
    HOME: join(folder, 'home'),
    RABBITMQ_NODENAME: `${name}@localhost`,
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    LANG: 'C.UTF-8',
  };
  const child = spawn(script, [], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  // It is in a group of its own: nothing else ends it when this process is ended.
  const endGroup = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
  };
  process.once('exit', endGroup);
  const exited = new Promise((resolve) => child.once('exit', resolve)).then(() => {
    process.removeListener('exit', endGroup);
  });
  const control = async (...args: string[]) => {
    await execFileInBackground('/usr/lib/rabbitmq/bin/rabbitmqctl', ['-q', ...args], { env });
  };
  const output: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  await answering(amqpPort, child, output);
  if (management) await answering(managementPort, child, output);
  return {
    amqpPort,
    managementPort,
    pid: child.pid!,
    folder,
    setLow: async (kind, low) => {
      if (kind === 'memory') await control('set_vm_memory_high_watermark', low ? '0.00001' : '0.6');
      else await control('set_disk_free_limit', low ? '100000GB' : '50MB');
    },
    shutDown: () => control('stop_app'),
    stop: async (keepFolder = false) => {
      endGroup();
      await exited;
      if (!keepFolder) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answering(port: number, child: ChildProcess, output: string[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`rabbitmq-server ended: ${output.join('')}`);
    if (await accepts(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`rabbitmq-server does not answer: ${output.join('')}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
