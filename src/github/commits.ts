import { isUtf8 } from 'node:buffer';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import type { Client } from './client.ts';
import { type Entry, parseEntry } from './parse.ts';
import type { FileToEdit, RepoRef, Talk } from './port.ts';
import { encodePath, isNotFound, target } from './target.ts';

// One file, changed by one commit, on the branch itself or on one made for a pull request.

type Calls = 'fileToEdit' | 'files' | 'commitFile' | 'makeBranch' | 'deleteBranch';

export function commitCalls(client: Client): Pick<Talk, Calls> {
  return {
    fileToEdit: (repo, path, branch) => readToEdit(client, repo, { path, branch }),
    files: (repo, folder, ref) => listFolder(client, repo, { folder, ref }),
    commitFile: (repo, change) => commitFile(client, repo, change),
    makeBranch: (repo, branch) => makeBranch(client, repo, branch),
    deleteBranch: (repo, name) =>
      client.call(
        {
          ...target(repo, 'deleteRef', `delete branch ${name}`, { ref: encodeRef(name) }),
          // What GitHub says for a branch that is not there.
          meanings: { 422: 'missing' },
        },
        () => null,
      ),
  };
}

const encodeRef = (branch: string): string => encodePath(`heads/${branch}`);

interface Place {
  readonly path: string;
  readonly branch: string;
}

async function readToEdit(
  client: Client,
  repo: RepoRef,
  { path, branch }: Place,
): Promise<Reply<FileToEdit>> {
  const asked = target(repo, 'fileToEdit', `read ${path} of ${branch}`, {
    path: encodePath(path),
    ref: branch,
  });
  const reply = await client.call(asked, ({ data }) => parseEntry(data));
  // A branch that is not there looks the same; the commit to it then says so.
  if (isNotFound(reply)) return done({ text: null, blob: null });
  if (!reply.ok) return reply;
  const found = editable(reply.value);
  if (found.ok) return found;
  return { ...found, message: `${asked.what}: ${found.message}` };
}

/** Text that is not UTF-8 would be another text when it is written back, and a link would be broken. */
function editable(entry: Entry): Reply<FileToEdit> {
  if (!('bytes' in entry)) return notEditable(entry.code);
  const { bytes, blob, isLink } = entry;
  if (isLink) return notEditable('link');
  return isUtf8(bytes) ? done({ text: bytes.toString('utf8'), blob }) : notEditable('no-text');
}

const notEditable = (code: keyof typeof WHY): Refused => ({
  ok: false,
  reason: 'invalid',
  code,
  message: WHY[code],
});

const WHY = {
  'no-file': 'a folder or a submodule is in its place',
  link: 'a link is in its place',
  'no-text': 'it is no UTF-8, or larger than 1 MB',
} as const;

async function listFolder(
  client: Client,
  repo: RepoRef,
  { folder, ref }: { readonly folder: string; readonly ref: string },
): Promise<Reply<readonly string[]>> {
  const params = { path: encodePath(folder), ref };
  const asked = target(repo, 'files', `list ${folder} at ${ref}`, params);
  const reply = await client.call(asked, ({ data }) => ({
    paths: Array.isArray(data) ? data.flatMap((entry) => filePathOf(entry) ?? []) : null,
  }));
  if (!reply.ok) return reply;
  const { paths } = reply.value;
  if (paths !== null) return done(paths);
  const message = `${asked.what}: it is no folder`;
  return { ok: false, reason: 'invalid', code: 'no-folder', message };
}

function filePathOf(entry: unknown): string | undefined {
  const { type, path } = fieldsOf(entry);
  return type === 'file' ? textOf(path) : undefined;
}

function commitFile(
  client: Client,
  repo: RepoRef,
  change: Parameters<Talk['commitFile']>[1],
): ReturnType<Talk['commitFile']> {
  const { path, text, blob, branch, message } = change;
  return client.call(
    {
      ...target(repo, 'commitFile', `commit ${path} to ${branch}`, {
        path: encodePath(path),
        message,
        content: Buffer.from(text).toString('base64'),
        branch,
        ...(blob === null ? {} : { sha: blob }),
      }),
      // 409: a blob that is not the newest, a race for the branch, or a branch that is protected. 422
      // without a blob: there is a file after all. 404: a branch that we may not see or write.
      meanings: { 404: 'denied', ...(blob === null ? { 422: 'conflict' } : {}) },
    },
    ({ data }) => {
      const made = fieldsOf(fieldsOf(data)['commit']);
      const commit = textOf(made['sha']);
      const url = textOf(made['html_url']);
      return commit === undefined || url === undefined ? undefined : { commit, url };
    },
  );
}

async function makeBranch(
  client: Client,
  repo: RepoRef,
  { name, from }: { readonly name: string; readonly from: string },
): Promise<Reply<null>> {
  const head = await client.call(
    target(repo, 'ref', `read branch ${from}`, { ref: encodeRef(from) }),
    ({ data }) => textOf(fieldsOf(fieldsOf(data)['object'])['sha']),
  );
  if (!head.ok) return head;
  const sha = head.value;
  const made = await client.call(
    target(repo, 'makeRef', `make branch ${name}`, { ref: `refs/heads/${name}`, sha }),
    () => null,
  );
  if (made.ok || made.code !== '422') return made;
  // It exists, or has no good name: then this is refused as well.
  return client.call(
    target(repo, 'moveRef', `move branch ${name}`, { ref: encodeRef(name), sha, force: true }),
    () => null,
  );
}
