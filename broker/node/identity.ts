// Whose store a folder is, and which version wrote it last. Two nodes over one store are one node to their clients: the
// same name; and an older node must not write what a newer one has written (R33d).
import { join } from 'node:path';
import * as v from 'valibot';
import { replaceFile } from '../base/replace-file.ts';
import type { Storage } from '../base/storage.ts';

const identitySchema = v.object({ node: v.string(), version: v.string() });

export class StoreRefused extends Error {
  override name = 'StoreRefused';
}

/** Writes down whose the store is. Throws StoreRefused naming what differs. */
export async function checkIdentity(
  dataFolder: string,
  node: string,
  version: string,
  storage: Storage,
): Promise<void> {
  const path = join(dataFolder, 'identity.json');
  let text: string;
  try {
    text = (await storage.read(path)).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return replaceFile(path, JSON.stringify({ node, version }), storage);
  }
  let identity: v.InferOutput<typeof identitySchema>;
  try {
    identity = v.parse(identitySchema, JSON.parse(text));
  } catch (error) {
    throw new StoreRefused(`${path} does not say whose store this is: ${String(error)}`);
  }
  if (identity.node !== node)
    throw new StoreRefused(`the store ${dataFolder} belongs to node '${identity.node}', not to '${node}'`);
  if (isNewer(identity.version, version))
    throw new StoreRefused(
      `the store ${dataFolder} was written by version ${identity.version}, which is newer than this node's ${version}`,
    );
  if (identity.version !== version) await replaceFile(path, JSON.stringify({ node, version }), storage);
}

function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}
