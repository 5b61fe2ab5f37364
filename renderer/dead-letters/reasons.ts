// What each reason in x-death means (RabbitMQ, "Dead Letter Exchanges"), and what is usually done about it.
interface Reason {
  meaning: string;
  advice: string;
}

const reasons: Record<string, Reason> = {
  rejected: {
    meaning: 'a consumer rejected it without requeue',
    advice: 'The consumer could not work on it: put that right before you send it back, or it comes again.',
  },
  expired: {
    meaning: 'its time to live ended before anyone took it',
    advice: 'Nobody consumed in time: check the consumers and the time to live before you send it back.',
  },
  maxlen: {
    meaning: 'the queue was over its length limit',
    advice: 'Make room first: what is sent back pushes others out while the queue is full.',
  },
  delivery_limit: {
    meaning: 'it was returned more often than the delivery limit allows',
    advice: 'A consumer keeps failing on it: look at the message before you send it back.',
  },
};

export function reasonOf(reason: string): Reason {
  return reasons[reason] ?? { meaning: '', advice: '' };
}
