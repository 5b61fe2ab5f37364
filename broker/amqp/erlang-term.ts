// JSON values as Erlang prints them: RabbitMQ's refusals show the value that they refuse in this form.

export function termText(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '<<>>' : `<<${JSON.stringify(value)}>>`;
  if (Array.isArray(value)) return `[${value.map(termText).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `[${Object.entries(value)
      .map(([name, item]) => `{${termText(name)},${termText(item)}}`)
      .join(',')}]`;
  return String(value);
}
