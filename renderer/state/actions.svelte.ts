// Runs what the user asked for: success is told after the broker confirmed it, failure in the broker's own words.
import { toast } from 'svelte-sonner';

/** True when it went through. */
export async function attempt<Value>(
  action: () => Promise<Value>,
  said?: string | ((value: Value) => string),
): Promise<boolean> {
  try {
    const value = await action();
    if (said !== undefined) toast.success(typeof said === 'function' ? said(value) : said);
    return true;
  } catch (error) {
    toast.error(error instanceof Error ? error.message : String(error));
    return false;
  }
}

interface Question {
  title: string;
  detail: string;
  action: string;
  danger: boolean;
  /** Typed by the user before the action is offered. */
  typedName?: string;
  answer: (yes: boolean) => void;
}

class Confirmation {
  question = $state<Question | null>(null);

  ask(question: Omit<Question, 'answer' | 'danger'> & { danger?: boolean }): Promise<boolean> {
    return new Promise((resolve) => {
      this.question = {
        danger: true,
        ...question,
        answer: (yes) => {
          this.question = null;
          resolve(yes);
        },
      };
    });
  }
}

export const confirmation = new Confirmation();
