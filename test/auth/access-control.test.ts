// Who may come in and what they may do (R15).
import { describe, expect, test } from 'vitest';
import { AccessControl, AuthenticationFailure } from '../../broker/auth/access-control.ts';
import { hashPassword, passwordMatches } from '../../broker/auth/password.ts';

const sink = { commit: () => Promise.resolve(), removeAll: () => Promise.resolve() };
const plain = (user: string, password: string) => Buffer.from(`\0${user}\0${password}`);

async function access(): Promise<AccessControl> {
  const control = new AccessControl(sink);
  await control.putUser('guest', { password: 'guest', tags: ['administrator'] });
  await control.putUser('app', { password: 'secret', tags: [] });
  await control.putPermission({ user: 'app', vhost: '/', configure: '^app\\.', write: '.*', read: '' });
  return control;
}

describe('R15: users and permissions', () => {
  test('a password is kept as a salted hash and checked', () => {
    const [first, second] = [hashPassword('secret'), hashPassword('secret')];
    expect(first).not.toBe(second);
    expect(passwordMatches('secret', first, 'rabbit_password_hashing_sha256')).toBe(true);
    expect(passwordMatches('Secret', first, 'rabbit_password_hashing_sha256')).toBe(false);
  });

  test('PLAIN lets in who knows the password, from where they may come', async () => {
    const control = await access();
    expect(control.authenticate('PLAIN', plain('app', 'secret'), '10.1.2.3').name).toBe('app');
    expect(() => control.authenticate('PLAIN', plain('app', 'wrong'), '127.0.0.1')).toThrow(
      AuthenticationFailure,
    );
    expect(() => control.authenticate('PLAIN', plain('nobody', 'secret'), '127.0.0.1')).toThrow(
      AuthenticationFailure,
    );
    expect(() => control.authenticate('PLAIN', plain('app', ''), '127.0.0.1')).toThrow(AuthenticationFailure);
  });

  test('guest comes from this machine only', async () => {
    const control = await access();
    for (const here of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      expect(control.authenticate('PLAIN', plain('guest', 'guest'), here).name).toBe('guest');
    expect(() => control.authenticate('PLAIN', plain('guest', 'guest'), '192.168.1.5')).toThrow(
      AuthenticationFailure,
    );
  });

  test('permissions are patterns over names; empty is nothing', async () => {
    const control = await access();
    expect(control.mayOpen('app', '/')).toBe(true);
    expect(control.mayOpen('app', 'other')).toBe(false);
    expect(control.may('app', '/', 'configure', 'app.queue')).toBe(true);
    expect(control.may('app', '/', 'configure', 'other')).toBe(false);
    expect(control.may('app', '/', 'write', 'anything')).toBe(true);
    expect(control.may('app', '/', 'read', 'app.queue')).toBe(false);
  });
});
