import { isUtf8 } from 'node:buffer';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client } from './client.ts';
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
  if ('blob' in reply.value) return done(reply.value);
  const { code, why } = reply.value;
  return { ok: false, reason: 'invalid', code, message: `${asked.what}: ${why}` };
}

interface NotEditable {
  readonly code: 'no-file' | 'no-text';
  readonly why: string;
}

const NO_FILE: NotEditable = { code: 'no-file', why: 'a folder or a link is in its place' };
const NO_TEXT: NotEditable = { code: 'no-text', why: 'it is no UTF-8, or larger than 1 MB' };

/** What is at a path. Text that is not UTF-8 would be another text when it is written back. */
function parseEntry(value: unknown): FileToEdit | NotEditable | undefined {
  if (Array.isArray(value)) return NO_FILE;
  const { type, encoding, content, sha } = fieldsOf(value);
  const blob = textOf(sha);
  if (textOf(type) === undefined || blob === undefined) return undefined;
  if (type !== 'file') return NO_FILE;
  if (encoding !== 'base64' || typeof content !== 'string') return NO_TEXT;
  const bytes = Buffer.from(content, 'base64');
  return isUtf8(bytes) ? { text: bytes.toString('utf8'), blob } : NO_TEXT;
}

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
