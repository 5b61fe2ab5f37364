// Runs what the user asked for: success is told after the broker confirmed it, failure in the broker's own words.
import { ContractError } from '../../broker/contract/errors.ts';
import { sentence } from '../ui/format.ts';
import { notices } from './notices.svelte.ts';

type Said<Value> = string | ((value: Value) => string);

/** True when it went through. With `undo` the notice offers to take it back. */
export async function attempt<Value>(
  action: () => Promise<Value>,
  said?: Said<Value>,
  undo?: () => Promise<unknown>,
): Promise<boolean> {
  try {
    tell(await action(), said, undo && (() => void attempt(undo, 'Taken back')));
    return true;
  } catch (error) {
    notices.complain(failureText(error));
    return false;
  }
}

/** A form on its way: what is wrong is said in the form, where it can be put right. */
export class Submission {
  busy = $state(false);
  problem = $state<string | null>(null);

  /** True when it went through. */
  async run<Value>(action: () => Promise<Value> | Value, said?: Said<Value>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = null;
    try {
      tell(await action(), said);
      return true;
    } catch (error) {
      this.problem = failureText(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

function tell<Value>(value: Value, said: Said<Value> | undefined, undo?: () => void): void {
  if (said !== undefined) notices.say(typeof said === 'function' ? said(value) : said, undo ?? null);
}

export function failureText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof ContractError && error.code === 'unavailable')
    return `${sentence(text)} The Pair screen shows the nodes and can start them.`;
  return text;
}

interface Question {
  title: string;
  detail: string;
  /** What it would come to, point by point. */
  points?: string[];
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
