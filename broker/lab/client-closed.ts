/** Why a connection or channel is over: the peer's reply code and text, or 0 and what the socket said. */
export class ClientClosed extends Error {
  override name = 'ClientClosed';
  readonly replyCode: number;

  constructor(replyCode: number, message: string) {
    super(message);
    this.replyCode = replyCode;
  }
}
