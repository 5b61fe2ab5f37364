// Messages of a MessagePort on their way between Node and the page. Playwright's bindings carry JSON, so what
// structured clone would keep (bytes, undefined, bigint, Map) is tagged. The same source runs in the page.

/** Source of `encode` and `decode`, evaluated in both worlds. */
export const portCodecSource = `(() => {
  const tag = '$standIn';
  const toBase64 = (bytes) => {
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  };
  const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const pack = (value) => {
    if (value === undefined) return { [tag]: 'undefined' };
    if (typeof value === 'bigint') return { [tag]: 'bigint', value: String(value) };
    if (typeof value === 'number' && !Number.isFinite(value)) return { [tag]: 'number', value: String(value) };
    if (value instanceof Uint8Array) return { [tag]: 'bytes', value: toBase64(value) };
    if (value instanceof Map) return { [tag]: 'map', value: [...value].map(pack) };
    if (Array.isArray(value)) return value.map(pack);
    if (typeof value === 'function' || typeof value === 'symbol')
      throw new DOMException(String(value) + ' could not be cloned.', 'DataCloneError');
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item)]));
  };
  const unpack = (value) => {
    if (Array.isArray(value)) return value.map(unpack);
    if (value === null || typeof value !== 'object') return value;
    switch (value[tag]) {
      case 'undefined': return undefined;
      case 'bigint': return BigInt(value.value);
      case 'number': return Number(value.value);
      case 'bytes': return fromBase64(value.value);
      case 'map': return new Map(value.value.map(unpack));
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item)]));
  };
  return { encode: (value) => JSON.stringify(pack(value)), decode: (text) => unpack(JSON.parse(text)) };
})()`;

export interface PortCodec {
  encode(value: unknown): string;
  decode(text: string): unknown;
}

// Our own source, not input: the page gets the very same text.
export const portCodec = (0, eval)(portCodecSource) as PortCodec;
