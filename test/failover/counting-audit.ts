// The audit with counters that are cheap to ask while a run goes on.
import { Audit } from '../../broker/lab/audit.ts';

export class CountingAudit extends Audit {
  confirms = 0;
  deliveries = 0;

  override confirmed(producer: string, sequence: number, at: number): void {
    this.confirms++;
    super.confirmed(producer, sequence, at);
  }

  override received(
    consumer: string,
    producer: string,
    sequence: number,
    redelivered: boolean,
    at: number,
  ): void {
    this.deliveries++;
    super.received(consumer, producer, sequence, redelivered, at);
  }
}
