import type { Keys } from '../lib/keys.ts';
import type { InstanceId, LaunchId } from './ids.ts';

// Tokens are MACs of ids, so that they still hold after the database is lost.

/** In the user data of a launch: lets its instances ask to register, together with their proof. */
export const registrationToken = (keys: Keys, launch: LaunchId): string =>
  keys.mac('registration', [launch]);

export const isRegistrationToken = (keys: Keys, launch: LaunchId, token: string): boolean =>
  keys.isMac('registration', [launch], token);

/** What a registered machine reports with; it can do nothing else. */
export const sessionFor = (keys: Keys, launch: LaunchId, instance: InstanceId): string =>
  `${launch}.${instance}.${keys.mac('session', [launch, instance])}`;

export function parseSession(
  keys: Keys,
  session: string,
): { readonly launch: LaunchId; readonly instance: InstanceId } | undefined {
  const [launch = '', instance = '', mac = ''] = session.split('.');
  return keys.isMac('session', [launch, instance], mac) ? { launch, instance } : undefined;
}
