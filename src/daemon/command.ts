import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface CommandResult {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program to its end; what it printed, stderr included, is for the log or for a version. */
export function runCommand(
  [file = '', ...args]: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: timeoutMs }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim();
      resolve({ ok: error === null, output: output || (error?.message ?? '') });
    });
  });
}

export interface User {
  readonly name: string;
  readonly gid: string;
  readonly home: string;
}

/** The user that jobs run as; undefined when we are not root or the machine has no such user. */
export function findUser(name: string): User | undefined {
  if (name === '' || process.getuid?.() !== 0) return undefined;
  const rows = readFileSync('/etc/passwd', 'utf8').split('\n');
  const row = rows.map((text) => text.split(':')).find(([first]) => first === name);
  const [, , , gid, , home] = row ?? [];
  return gid && home ? { name, gid, home } : undefined;
}

/**
 * The same command, run by that user. Not spawn's own uid and gid, which would drop the user's
 * further groups, docker among them. setpriv replaces itself by the command, so the process id
 * stays.
 */
export function asUser(user: User | undefined, command: readonly string[]): readonly string[] {
  if (!user) return command;
  return ['setpriv', '--reuid', user.name, '--regid', user.gid, '--init-groups', '--', ...command];
}
