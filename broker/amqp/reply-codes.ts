// Reply codes of AMQP 0-9-1 with RabbitMQ's use of them, and the two errors a peer can cause. A ChannelError
// closes its channel, a ConnectionError its connection; both are caught in one place in connection/.

export const ReplyCode = {
  SUCCESS: 200,
  CONTENT_TOO_LARGE: 311,
  NO_ROUTE: 312,
  NO_CONSUMERS: 313,
  CONNECTION_FORCED: 320,
  INVALID_PATH: 402,
  ACCESS_REFUSED: 403,
  NOT_FOUND: 404,
  RESOURCE_LOCKED: 405,
  PRECONDITION_FAILED: 406,
  FRAME_ERROR: 501,
  SYNTAX_ERROR: 502,
  COMMAND_INVALID: 503,
  CHANNEL_ERROR: 504,
  UNEXPECTED_FRAME: 505,
  RESOURCE_ERROR: 506,
  NOT_ALLOWED: 530,
  NOT_IMPLEMENTED: 540,
  INTERNAL_ERROR: 541,
} as const;

const names = new Map<number, string>(Object.entries(ReplyCode).map(([name, code]) => [code, name]));

/** A short string's limit; RabbitMQ cuts longer texts to 252 bytes and three dots. */
const textBytesMax = 255;

function replyText(replyCode: number, explanation: string): string {
  const text = `${names.get(replyCode) ?? replyCode} - ${explanation}`;
  const bytes = Buffer.from(text);
  if (bytes.length <= textBytesMax) return text;
  return `${bytes
    .subarray(0, textBytesMax - 3)
    .toString()
    .replace(/\uFFFD+$/, '')}...`;
}

/** What the peer did wrong; `message` is the reply text as it goes on the wire. */
abstract class AmqpError extends Error {
  readonly replyCode: number;
  /** Of the method that caused it, 0 where none did; filled in by the dispatcher. */
  classId: number;
  methodId: number;

  constructor(replyCode: number, explanation: string, classId = 0, methodId = 0) {
    super(replyText(replyCode, explanation));
    this.replyCode = replyCode;
    this.classId = classId;
    this.methodId = methodId;
  }
}

/** Closes the channel [AMQP 1.5.2.5]. */
export class ChannelError extends AmqpError {
  override name = 'ChannelError';
}

/** Closes the connection [AMQP 1.4.2.9]. */
export class ConnectionError extends AmqpError {
  override name = 'ConnectionError';
}
