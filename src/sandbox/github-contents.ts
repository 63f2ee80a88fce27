import { posix } from 'node:path';
import { commitAt } from './github-commits.ts';
import { blobOf } from './github-json.ts';
import type { Repo } from './github-state.ts';

/** What is at a path of a commit, as GitHub's API of contents tells it. */
export type Content =
  | { readonly kind: 'file'; readonly text: string; readonly sha: string; readonly isLink: boolean }
  /** It leads to no file of the repository. */
  | { readonly kind: 'symlink'; readonly target: string; readonly sha: string }
  | { readonly kind: 'submodule'; readonly url: string; readonly sha: string }
  /** Files right in it; folders in it are passed over, nobody asks for them. */
  | { readonly kind: 'folder'; readonly paths: readonly string[] };

/**
 * A link to a file of the repository is shown as that file, with its text; but the blob is the link's
 * own, so that who commits with it writes into the link.
 */
export function contentAt(repo: Repo, ref: string, path: string): Content | undefined {
  const commit = commitAt(repo, ref);
  const text = commit?.files.get(path);
  if (commit === undefined || text === undefined) return folderAt(commit?.files.keys(), path);
  const sha = blobOf(text);
  const special = commit.special.get(path);
  if (special === undefined) return { kind: 'file', text, sha, isLink: false };
  if (special === 'submodule') return { kind: 'submodule', url: text, sha };
  const to = posix.join(posix.dirname(path), text);
  const linked = commit.special.has(to) ? undefined : commit.files.get(to);
  return linked === undefined
    ? { kind: 'symlink', target: text, sha }
    : { kind: 'file', text: linked, sha, isLink: true };
}

function folderAt(all: Iterable<string> = [], path: string): Content | undefined {
  const inside = [...all].filter((name) => name.startsWith(`${path}/`));
  if (inside.length === 0) return undefined;
  const paths = inside.filter((name) => !name.slice(path.length + 1).includes('/'));
  return { kind: 'folder', paths };
}
