// Password hashes as RabbitMQ keeps and exports them: base64 of a 4-byte salt and the digest of salt and
// password, so that definitions files go both ways.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const digests: Record<string, string> = {
  rabbit_password_hashing_sha256: 'sha256',
  rabbit_password_hashing_sha512: 'sha512',
  rabbit_password_hashing_md5: 'md5',
};

export const defaultAlgorithm = 'rabbit_password_hashing_sha256';
export const hashingAlgorithms: readonly string[] = Object.keys(digests);
const saltSize = 4;

export function hashPassword(password: string, algorithm = defaultAlgorithm): string {
  const salt = randomBytes(saltSize);
  return Buffer.concat([salt, digest(salt, password, algorithm)]).toString('base64');
}

/** In constant time. An empty hash (a user that may not log in by password) matches nothing. */
export function passwordMatches(password: string, hash: string, algorithm: string): boolean {
  if (hash === '' || !Object.hasOwn(digests, algorithm)) return false;
  const stored = Buffer.from(hash, 'base64');
  const expected = digest(stored.subarray(0, saltSize), password, algorithm);
  const given = stored.subarray(saltSize);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function digest(salt: Uint8Array, password: string, algorithm: string): Buffer {
  return createHash(digests[algorithm]!).update(salt).update(password, 'utf8').digest();
}
