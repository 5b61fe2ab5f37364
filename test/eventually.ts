// Waiting for something to become true, without guessing how long it takes.

/** Resolves with the first answer that is neither false, null nor undefined. Rejects after the deadline. */
export async function eventually<Answer>(
  what: string,
  look: () => Answer | Promise<Answer>,
  deadlineMs = 10_000,
): Promise<NonNullable<Answer>> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await look();
    if (answer !== false && answer !== null && answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
