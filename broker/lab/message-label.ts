// What a lab message carries so that any client in any language can be audited: its producer's name and a sequence
// number as plain text at the head of the body, then padding to the size asked for.

export interface MessageLabel {
  producer: string;
  /** From 1, one higher for each message of that producer. */
  sequence: number;
}

const labelPattern = /^([\w.-]{1,64}) (\d{1,15})(?= |$)/;
const labelBytesMax = 80;

/** `sizeBytes` is the least: a longer label is never cut. */
export function labelledBody({ producer, sequence }: MessageLabel, sizeBytes = 0): Buffer {
  return Buffer.from(`${producer} ${sequence}`.padEnd(sizeBytes));
}

/** Null for a body that no lab producer made. */
export function labelOf(body: Uint8Array): MessageLabel | null {
  const head = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, labelBytesMax));
  const match = labelPattern.exec(head.toString('latin1'));
  return match ? { producer: match[1]!, sequence: Number(match[2]) } : null;
}
