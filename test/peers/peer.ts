// A broker as a test talks to it: Warren's node in this process, or Debian's RabbitMQ.
export interface Peer {
  amqpPort: number;
  managementPort: number;
  /** Moves a limit so that the alarm is raised, or back; resolves when it is in effect. */
  setLow(kind: 'memory' | 'disk', low: boolean): Promise<void>;
  /** Stops it in order, as a restart of the machine would. */
  shutDown(): Promise<void>;
}
