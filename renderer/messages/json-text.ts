// JSON set out for reading without changing a character of its values: numbers keep their digits, keys their order
// and their doubles, which parsing and writing again would not.
export type TokenKind = 'key' | 'string' | 'number' | 'word' | 'mark' | 'space';

export interface Token {
  kind: TokenKind;
  text: string;
}

const lexeme = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const indent = '  ';

/** Null when the text is not JSON. */
export function prettyTokens(text: string): Token[] | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const lexemes = text.match(lexeme) ?? [];
  const tokens: Token[] = [];
  let depth = 0;
  const space = (content: string) => tokens.push({ kind: 'space', text: content });
  const newLine = () => space(`\n${indent.repeat(depth)}`);
  lexemes.forEach((each, index) => {
    const next = lexemes[index + 1];
    if (each === '{' || each === '[') {
      tokens.push({ kind: 'mark', text: each });
      depth++;
      if (next !== '}' && next !== ']') newLine();
    } else if (each === '}' || each === ']') {
      depth--;
      const before = lexemes[index - 1];
      if (before !== '{' && before !== '[') newLine();
      tokens.push({ kind: 'mark', text: each });
    } else if (each === ',') {
      tokens.push({ kind: 'mark', text: each });
      newLine();
    } else if (each === ':') {
      tokens.push({ kind: 'mark', text: each });
      space(' ');
    } else tokens.push({ kind: kindOf(each, next), text: each });
  });
  return tokens;
}

export const textOfTokens = (tokens: readonly Token[]) => tokens.map(({ text }) => text).join('');

function kindOf(lexemeText: string, next: string | undefined): TokenKind {
  if (lexemeText.startsWith('"')) return next === ':' ? 'key' : 'string';
  return /^[-\d]/.test(lexemeText) ? 'number' : 'word';
}
