// topic: words between dots; `*` is exactly one word, `#` zero or more (R8). A trie of words, so that the
// cost follows the key's length and the patterns that share its words, not the number of bindings. A walk goes
// on from a `#` at each word once, however many ways lead there: patterns full of `#` stay cheap.
import type { Message } from '../message.ts';
import { addBinding, removeBinding } from './binding-list.ts';
import type { Binding, Routing, RoutingTable } from './exchange.ts';

class TrieNode {
  readonly words = new Map<string, TrieNode>();
  star: TrieNode | null = null;
  hash: TrieNode | null = null;
  readonly bindings: Binding[] = [];
  /** For one after a `#`: the walk that last came here, and the first word it has gone on from. */
  walk = 0;
  walkedFrom = 0;

  get empty(): boolean {
    return this.bindings.length === 0 && this.words.size === 0 && !this.star && !this.hash;
  }
}

export class TopicTable implements RoutingTable {
  readonly #root = new TrieNode();

  add(binding: Binding): void {
    let node = this.#root;
    for (const word of wordsOf(binding.routingKey)) node = child(node, word, true)!;
    addBinding(node.bindings, binding);
  }

  remove(binding: Binding): void {
    const path: { node: TrieNode; word: string }[] = [];
    let node: TrieNode | null = this.#root;
    for (const word of wordsOf(binding.routingKey)) {
      path.push({ node, word });
      node = child(node, word, false);
      if (!node) return;
    }
    removeBinding(node.bindings, binding);
    for (const step of path.reverse()) {
      if (!node.empty) return;
      detach(step.node, step.word);
      node = step.node;
    }
  }

  route(_message: Message, routingKey: string, routing: Routing): void {
    lastWalk++;
    match(this.#root, routingKey, routingKey === '' ? 1 : 0, routing);
  }
}

/** Numbers walks through all tables, which come one after another. */
let lastWalk = 0;

/** `at` is where the next word starts; past the key's end there is none. */
function match(node: TrieNode, key: string, at: number, routing: Routing): void {
  if (node.hash) matchHash(node.hash, key, at, routing);
  if (at > key.length) {
    reachAll(node, routing);
    return;
  }
  const dot = key.indexOf('.', at);
  const end = dot < 0 ? key.length : dot;
  if (node.star) match(node.star, key, end + 1, routing);
  if (node.words.size > 0) {
    const next = node.words.get(at === 0 && end === key.length ? key : key.substring(at, end));
    if (next) match(next, key, end + 1, routing);
  }
}

/** After a `#`: it may have eaten none, some or all of the words that are left. */
function matchHash(hash: TrieNode, key: string, at: number, routing: Routing): void {
  if (hash.words.size === 0 && !hash.star && !hash.hash) {
    reachAll(hash, routing);
    return;
  }
  // What lies behind `walkedFrom` has been gone through, or is being gone through by a caller.
  const known = hash.walk === lastWalk ? hash.walkedFrom : Infinity;
  if (at >= known) return;
  hash.walk = lastWalk;
  hash.walkedFrom = at;
  for (let start = at; start < known;) {
    match(hash, key, start, routing);
    if (start > key.length) return;
    const dot = key.indexOf('.', start);
    start = (dot < 0 ? key.length : dot) + 1;
  }
}

function reachAll(node: TrieNode, routing: Routing): void {
  const { bindings } = node;
  for (let i = 0; i < bindings.length; i++) routing.reach(bindings[i]!.destination);
}

function child(node: TrieNode, word: string, create: boolean): TrieNode | null {
  if (word === '*') return node.star ?? (create ? (node.star = new TrieNode()) : null);
  if (word === '#') return node.hash ?? (create ? (node.hash = new TrieNode()) : null);
  const next = node.words.get(word);
  if (next || !create) return next ?? null;
  const made = new TrieNode();
  node.words.set(word, made);
  return made;
}

function detach(node: TrieNode, word: string): void {
  if (word === '*') node.star = null;
  else if (word === '#') node.hash = null;
  else node.words.delete(word);
}

/** The rule itself, word by word: what the trie is tested against, and what explains a route to a person. */
export function topicMatches(pattern: string, routingKey: string): boolean {
  const matches = (words: string[], keys: string[]): boolean => {
    const [word, ...rest] = words;
    if (word === undefined) return keys.length === 0;
    if (word === '#') return matches(rest, keys) || (keys.length > 0 && matches(words, keys.slice(1)));
    return keys.length > 0 && (word === '*' || word === keys[0]) && matches(rest, keys.slice(1));
  };
  return matches(wordsOf(pattern), wordsOf(routingKey));
}

/** The empty key has no word at all. */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.');
}
