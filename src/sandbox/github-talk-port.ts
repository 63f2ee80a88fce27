import type { CheckRun, FileToEdit, Permission, PullFacts, Talk } from '../github/port.ts';
import { cutAtLine } from '../lib/cut.ts';
import { done, type Reply } from '../model/reply.ts';
import type { GitHubModel } from './github.ts';
import { type Counted, createCalls } from './github-call.ts';
import { commitAt } from './github-commits.ts';
import { contentAt } from './github-contents.ts';
import { CONTENT_LIMIT_BYTES } from './github-json.ts';
import { NOT_FOUND } from './github-refusal.ts';
import type { Repo } from './github-state.ts';
import { type Annotation, botOf, type Check, type Pull } from './github-talk-state.ts';
import type { Process } from './process.ts';

// The port Talk, in process: the same refusals and limits as over HTTP, each method one call of the
// process, named `github.<method>` for faults and gates.

const PERMISSIONS: readonly Permission[] = ['admin', 'write', 'read', 'none'];
const ANNOTATIONS_A_CALL = 50;
/** As many as the adapter sends. */
const MAX_ANNOTATIONS = 500;
const MAX_SUMMARY_BYTES = 65_535;
const MAX_MESSAGE_BYTES = 65_536;

const ids = <T>(from: Reply<T>, id: (value: T) => number): Reply<{ readonly id: number }> =>
  from.ok ? done({ id: id(from.value) }) : from;

const nothing = (from: Reply<unknown>): Reply<null> => (from.ok ? done(null) : from);

export function createSandboxTalk(model: GitHubModel, process: Process, counted?: Counted): Talk {
  const { ofRepo } = createCalls(model, process, counted);
  return {
    ...commentCalls(model, ofRepo),
    ...commitCalls(model, ofRepo),
    ...pullCalls(model, ofRepo),
    hourOf: (installation) => model.hourOf(installation),
    check: (ref, run) =>
      ofRepo('check', ref, (repo) => ids(writeCheck(model, repo, run), ({ id }) => id)),
    findCheck: (ref, { name, sha }) =>
      ofRepo('findCheck', ref, (repo) => {
        const found = model.checks.of(repo, sha).findLast((check) => check.name === name);
        return done(found ? { id: found.id } : null);
      }),
  };
}

type OfRepo = ReturnType<typeof createCalls>['ofRepo'];
type CommentCalls = 'permission' | 'comment' | 'editComment' | 'findComment' | 'react' | 'unreact';

function commentCalls(model: GitHubModel, ofRepo: OfRepo): Pick<Talk, CommentCalls> {
  const { issues, state } = model;
  return {
    permission: (ref, login) =>
      ofRepo('permission', ref, (repo) => {
        const found = issues.permissionOf(repo, login);
        return done(
          PERMISSIONS.find((one) => found.ok && one === found.value.permission) ?? 'none',
        );
      }),
    comment: (ref, issue, body) =>
      ofRepo('comment', ref, (repo) => ids(issues.comment(repo, issue, body), ({ id }) => id)),
    editComment: (ref, id, body) =>
      ofRepo('editComment', ref, (repo) => nothing(issues.editComment(repo, id, body))),
    findComment: (ref, { issue, marker, since }) =>
      ofRepo('findComment', ref, (repo) => {
        const all = issues.commentsOf(repo, issue);
        if (!all.ok) return all;
        const from = Math.floor(since / 1000) * 1000;
        const found = all.value.find(
          ({ by, body, createdAt }) =>
            by === botOf(state) && createdAt >= from && body.includes(marker),
        );
        return done(found === undefined ? null : { id: found.id });
      }),
    react: (ref, comment, content) =>
      ofRepo('react', ref, (repo) =>
        ids(issues.react(repo, comment, content), ({ reaction }) => reaction.id),
      ),
    unreact: (ref, comment, reaction) =>
      ofRepo('unreact', ref, (repo) => issues.unreact(repo, comment, reaction)),
  };
}

type CommitCalls = 'fileToEdit' | 'files' | 'commitFile' | 'makeBranch' | 'deleteBranch';

function commitCalls(model: GitHubModel, ofRepo: OfRepo): Pick<Talk, CommitCalls> {
  const { commits, json } = model;
  return {
    fileToEdit: (ref, path, branch) =>
      ofRepo('fileToEdit', ref, (repo) => fileToEdit(repo, { path, branch })),
    files: (ref, folder, at) => ofRepo('files', ref, (repo) => filesIn(repo, folder, at)),
    commitFile: (ref, change) =>
      ofRepo('commitFile', ref, (repo) => {
        const made = commits.put(repo, change);
        if (made.ok) {
          const { sha } = made.value.commit;
          return done({ commit: sha, url: `${json.page(repo)}/commit/${sha}` });
        }
        if (made.code === '404') return { ...made, reason: 'denied' };
        return made.code === '422' ? { ...made, reason: 'conflict' } : made;
      }),
    makeBranch: (ref, { name, from }) =>
      ofRepo('makeBranch', ref, (repo) => {
        const sha = repo.branches.get(from);
        if (sha === undefined) return NOT_FOUND;
        return repo.branches.has(name)
          ? commits.moveBranch(repo, { name, sha, isForced: true })
          : commits.makeBranch(repo, name, sha);
      }),
    deleteBranch: (ref, name) =>
      ofRepo('deleteBranch', ref, (repo) => {
        const gone = commits.deleteBranch(repo, name);
        return gone.ok ? gone : { ...gone, reason: 'missing' };
      }),
  };
}

function fileToEdit(
  repo: Repo,
  { path, branch }: { readonly path: string; readonly branch: string },
): Reply<FileToEdit> {
  const found = contentAt(repo, branch, path);
  const invalid = (code: string): Reply<FileToEdit> => ({
    ok: false,
    reason: 'invalid',
    code,
    message: `${path} cannot be edited`,
  });
  if (found === undefined) return done({ text: null, blob: null });
  if (found.kind === 'symlink' || (found.kind === 'file' && found.isLink)) return invalid('link');
  if (found.kind !== 'file') return invalid('no-file');
  const isShown = Buffer.byteLength(found.text) <= CONTENT_LIMIT_BYTES;
  return isShown ? done({ text: found.text, blob: found.sha }) : invalid('no-text');
}

function filesIn(repo: Repo, folder: string, at: string): Reply<readonly string[]> {
  const paths = [...(commitAt(repo, at)?.files.keys() ?? [])];
  const message = `${folder} is no folder`;
  if (paths.includes(folder)) return { ok: false, reason: 'invalid', code: 'no-folder', message };
  const inside = paths.filter((path) => path.startsWith(`${folder}/`));
  const files = inside.filter((path) => !path.slice(folder.length + 1).includes('/'));
  return inside.length === 0 ? NOT_FOUND : done(files);
}

type PullCalls = 'openPull' | 'pull' | 'pullFiles' | 'openPulls' | 'closePull';

function pullCalls(model: GitHubModel, ofRepo: OfRepo): Pick<Talk, PullCalls> {
  const { pulls, json } = model;
  const facts = (repo: Repo, { issue, head, closedAt, merged }: Pull): PullFacts => ({
    number: issue.number,
    url: `${json.page(repo)}/pull/${issue.number}`,
    head,
    state: merged === null ? (closedAt === null ? 'open' : 'closed') : 'merged',
  });
  const shown = (repo: Repo, from: Reply<Pull>): Reply<PullFacts> =>
    from.ok ? done(facts(repo, from.value)) : from;
  return {
    openPull: (ref, pull) => ofRepo('openPull', ref, (repo) => shown(repo, pulls.open(repo, pull))),
    pull: (ref, number) => ofRepo('pull', ref, (repo) => shown(repo, pulls.find(repo, number))),
    pullFiles: (ref, number) =>
      ofRepo('pullFiles', ref, (repo) => {
        const found = pulls.find(repo, number);
        return found.ok ? done(Object.keys(pulls.changes(repo, found.value))) : found;
      }),
    openPulls: (ref, headPrefix) =>
      ofRepo('openPulls', ref, (repo) => {
        const open = pulls
          .all(repo)
          .filter(({ closedAt, head }) => closedAt === null && head.startsWith(headPrefix));
        return done(open.map((pull) => facts(repo, pull)));
      }),
    closePull: (ref, number) =>
      ofRepo('closePull', ref, (repo) => nothing(pulls.close(repo, number))),
  };
}

/** In as many pieces as GitHub wants it. */
function writeCheck(
  { checks }: GitHubModel,
  repo: Repo,
  run: CheckRun & { readonly id?: number },
): Reply<Check> {
  const { name, sha, title, conclusion } = run;
  const all = run.annotations.slice(0, MAX_ANNOTATIONS).map(annotation);
  const summary = cutAtLine(run.summary, MAX_SUMMARY_BYTES);
  const change = (from: number) => ({
    name,
    ...(conclusion === null ? { status: 'in_progress' } : { status: 'completed', conclusion }),
    output: { title, summary, annotations: all.slice(from, from + ANNOTATIONS_A_CALL) },
  });
  let made =
    run.id === undefined
      ? checks.make(repo, { sha, ...change(0) })
      : checks.change(repo, run.id, change(0));
  for (let from = ANNOTATIONS_A_CALL; made.ok && from < all.length; from += ANNOTATIONS_A_CALL) {
    made = checks.change(repo, made.value.id, change(from));
  }
  return made;
}

const annotation = (of: CheckRun['annotations'][number]): Annotation => ({
  path: of.path,
  startLine: of.line,
  endLine: of.line,
  startColumn: of.column,
  endColumn: of.endColumn,
  level: of.level,
  message: cutAtLine(of.message, MAX_MESSAGE_BYTES),
});
