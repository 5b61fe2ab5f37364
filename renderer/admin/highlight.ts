// Cuts a text at what is looked for, whatever its case.
export function split(text: string, wanted: string): { text: string; found: boolean }[] {
  if (wanted === '') return [{ text, found: false }];
  const [hay, needle] = [text.toLowerCase(), wanted.toLowerCase()];
  // Lower case may be longer than what it came from; then nothing is marked rather than the wrong part.
  if (hay.length !== text.length) return [{ text, found: false }];
  const parts: { text: string; found: boolean }[] = [];
  let from = 0;
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), found: false });
    from = at + needle.length;
    parts.push({ text: text.slice(at, from), found: true });
  }
  if (from < text.length) parts.push({ text: text.slice(from), found: false });
  return parts;
}
