// What each reason in x-death means (RabbitMQ, "Dead Letter Exchanges").
const meanings: Record<string, string> = {
  rejected: 'a consumer rejected it without requeue',
  expired: 'its time to live ended before anyone took it',
  maxlen: 'the queue was over its length limit',
  delivery_limit: 'it was returned more often than the delivery limit allows',
};

export const meaningOf = (reason: string) => meanings[reason] ?? '';
