import { contentAt } from './github-contents.ts';
import {
  notFound,
  ok,
  problem,
  type RepoCall,
  type RepoRoute,
  type Result,
  reply,
  text,
} from './github-route.ts';

// What an installation's token may ask about files and branches.

/** Without its `heads/`, and as it is written in git. */
const decoded = (arg: string | undefined): string => decodeURIComponent(arg ?? '');

/** A file, or the entries of a folder. */
function contents({ model, repo, args, query }: RepoCall): Result {
  const path = decoded(args[0]);
  const ref = query.get('ref') ?? repo.defaultBranch;
  const found = contentAt(repo, ref, path);
  if (found === undefined) return notFound;
  if (found.kind !== 'folder') return ok(model.json.content(repo, path, found));
  const entries = found.paths.flatMap((name) => {
    const each = contentAt(repo, ref, name);
    return each === undefined || each.kind === 'folder'
      ? []
      : [model.json.content(repo, name, each)];
  });
  return ok(entries);
}

function putContents({ model, repo, args, input }: RepoCall): Result {
  const [message, content] = [text(input['message']), input['content']];
  if (message === undefined || typeof content !== 'string') return problem(422, 'Invalid request.');
  const path = decoded(args[0]);
  const made = model.commits.put(repo, {
    path,
    message,
    text: Buffer.from(content, 'base64').toString(),
    blob: text(input['sha']) ?? null,
    branch: text(input['branch']) ?? repo.defaultBranch,
  });
  if (!made.ok) return problem(Number(made.code), made.message);
  const { commit, isNew } = made.value;
  return { status: isNew ? 201 : 200, body: model.talkJson.written(repo, path, commit) };
}

const shown = ({ model, repo }: RepoCall, branch: string, status: number): Result => ({
  status,
  body: model.talkJson.ref(repo, branch),
});

function readRef(call: RepoCall): Result {
  const branch = decoded(call.args[0]);
  return call.repo.branches.has(branch) ? shown(call, branch, 200) : notFound;
}

function makeRef(call: RepoCall): Result {
  const { model, repo, input } = call;
  const branch = /^refs\/heads\/(.+)$/.exec(text(input['ref']) ?? '')?.[1] ?? '';
  const made = model.commits.makeBranch(repo, branch, text(input['sha']) ?? '');
  return made.ok ? shown(call, branch, 201) : problem(Number(made.code), made.message);
}

function moveRef(call: RepoCall): Result {
  const { model, repo, input, args } = call;
  const name = decoded(args[0]);
  const sha = text(input['sha']) ?? '';
  const moved = model.commits.moveBranch(repo, { name, sha, isForced: input['force'] === true });
  return moved.ok ? shown(call, name, 200) : problem(Number(moved.code), moved.message);
}

const read = { who: 'repo', needs: { contents: 'read' } } as const;
const write = { who: 'repo', needs: { contents: 'write' } } as const;

export const COMMIT_ROUTES: Readonly<Record<string, RepoRoute>> = {
  'GET {repo}/contents/{path+}': { ...read, run: contents },
  'PUT {repo}/contents/{path+}': { ...write, run: putContents },
  'GET {repo}/git/ref/heads/{branch+}': { ...read, run: readRef },
  'POST {repo}/git/refs': { ...write, run: makeRef },
  'PATCH {repo}/git/refs/heads/{branch+}': { ...write, run: moveRef },
  'DELETE {repo}/git/refs/heads/{branch+}': {
    ...write,
    run: ({ model, repo, args }) => reply(model.commits.deleteBranch(repo, decoded(args[0])), 204),
  },
};
