import { expect, test } from '@jest/globals';
import { withVariables } from '../../src/lib/env-file.ts';
import { html } from '../../src/lib/html.ts';
import { createKeys } from '../../src/lib/keys.ts';
import {
  isRegistrationToken,
  parseSession,
  registrationToken,
  sessionFor,
} from '../../src/model/tokens.ts';

const keys = createKeys('a secret of at least 16');
const other = createKeys('another secret of some length');

test('a token is good for its own launch under its own secret', () => {
  const token = registrationToken(keys, 'launch-1');
  expect(isRegistrationToken(keys, 'launch-1', token)).toBe(true);
  expect(isRegistrationToken(keys, 'launch-2', token)).toBe(false);
  expect(isRegistrationToken(other, 'launch-1', token)).toBe(false);
  expect(isRegistrationToken(keys, 'launch-1', `${token}x`)).toBe(false);
});

test('what the secret before this one signed and sealed still holds, and nothing more is', () => {
  const [before, now] = [
    createKeys('a secret of the past'),
    createKeys('a new secret of today', 'a secret of the past'),
  ];
  const sealed = before.seal('p', 'text', '0'.repeat(24));
  expect(now.open('p', sealed)).toBe('text');
  expect(now.isMac('p', ['a'], before.mac('p', ['a']))).toBe(true);
  expect(now.mac('p', ['a'])).not.toBe(before.mac('p', ['a']));
  expect(before.open('p', now.seal('p', 'text', '0'.repeat(24)))).toBeUndefined();
});

test('a session names its machine and cannot be made for another', () => {
  const session = sessionFor(keys, 'abc', 'i-1');
  expect(parseSession(keys, session)).toEqual({ launch: 'abc', instance: 'i-1' });
  expect(parseSession(keys, session.replace('i-1', 'i-2'))).toBeUndefined();
  expect(parseSession(other, session)).toBeUndefined();
  expect(parseSession(keys, '')).toBeUndefined();
});

test('parts are kept apart, and purposes too', () => {
  expect(keys.mac('a', ['xy', 'z'])).not.toBe(keys.mac('a', ['x', 'yz']));
  expect(keys.mac('a', ['x'])).not.toBe(keys.mac('b', ['x']));
});

test('what is sealed opens under the same secret and purpose only, and unchanged only', () => {
  const sealed = keys.seal('registration', 'the jit config', '00112233445566778899aabb');
  expect(sealed).not.toContain('the jit config');
  expect(keys.open('registration', sealed)).toBe('the jit config');
  expect(keys.open('other', sealed)).toBeUndefined();
  expect(other.open('registration', sealed)).toBeUndefined();
  const [iv, body = '', tag] = sealed.split('.');
  const changed = [iv, `${body.startsWith('A') ? 'B' : 'A'}${body.slice(1)}`, tag].join('.');
  expect(keys.open('registration', changed)).toBeUndefined();
  expect(keys.open('registration', 'no dots')).toBeUndefined();
});

test('an environment file keeps its other lines and replaces a variable once', () => {
  const before = '# ours\nPORT=1\nexport APP_ID=1\nAPP_ID="2"\n';
  const after = withVariables(before, { APP_ID: '7', PRIVATE_KEY: '-----BEGIN\nab\n-----END\n' });
  expect(after).toBe('# ours\nPORT=1\nAPP_ID="7"\nPRIVATE_KEY="-----BEGIN\\nab\\n-----END\\n"\n');
  expect(withVariables('', { A: '1' })).toBe('A="1"\n');
});

test('a template escapes what is text and joins what is a list', () => {
  const items = ['<b>', '&'].map((text) => html`<li>${text}</li>`);
  expect(html`<ul title="${'"'}">${items}${false}${null}${0}</ul>`.text).toBe(
    '<ul title="&quot;"><li>&lt;b&gt;</li><li>&amp;</li>0</ul>',
  );
});
