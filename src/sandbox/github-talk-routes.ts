import { instantOf } from '../lib/instant.ts';
import { fieldsOf } from '../model/github-json.ts';
import type { CheckChange } from './github-checks.ts';
import {
  page,
  problem,
  type RepoCall,
  type RepoRoute,
  type Result,
  reply,
  text,
} from './github-route.ts';
import type { Permissions } from './github-state.ts';
import type { Annotation, Check, Comment, Pull } from './github-talk-state.ts';

// What an installation's token may ask about people, issues, pull requests and checks.

const numberOf = ({ args }: RepoCall): number => Number(args[0]);

function permission({ model, repo, args }: RepoCall): Result {
  const found = model.issues.permissionOf(repo, decodeURIComponent(args[0] ?? ''));
  return reply(found, 200, ({ person, permission: is, role }) => ({
    permission: is,
    role_name: role,
    user: { ...model.json.user(person), role_name: role },
  }));
}

const showComment =
  ({ model, repo }: RepoCall) =>
  (comment: Comment): object =>
    model.talkJson.comment(repo, comment);

function comments(call: RepoCall): Result {
  const found = call.model.issues.commentsOf(call.repo, numberOf(call));
  if (!found.ok) return problem(Number(found.code), found.message);
  const since = instantOf(call.query.get('since')) ?? 0;
  const seen = found.value.filter(({ changedAt }) => changedAt >= since);
  return page(call.query, seen, (items) => items.map(showComment(call)));
}

function comment(call: RepoCall): Result {
  const { model, repo, input } = call;
  const made = model.issues.comment(repo, numberOf(call), text(input['body']) ?? '');
  return reply(made, 201, showComment(call));
}

function editComment(call: RepoCall): Result {
  const { model, repo, input } = call;
  const changed = model.issues.editComment(repo, numberOf(call), text(input['body']) ?? '');
  return reply(changed, 200, showComment(call));
}

function react(call: RepoCall): Result {
  const { model, repo, input } = call;
  const made = model.issues.react(repo, numberOf(call), text(input['content']) ?? '');
  const status = made.ok && made.value.isNew ? 201 : 200;
  return reply(made, status, ({ reaction }) => model.talkJson.reaction(reaction));
}

const showPull =
  ({ model, repo }: RepoCall) =>
  (pull: Pull): object =>
    model.talkJson.pull(repo, pull);

function pulls(call: RepoCall): Result {
  const wanted = call.query.get('state') ?? 'open';
  const seen = call.model.pulls
    .all(call.repo)
    .filter(({ closedAt }) => wanted === 'all' || (wanted === 'open') === (closedAt === null));
  return page(call.query, seen, (items) => items.map(showPull(call)));
}

function pullFiles(call: RepoCall): Result {
  const { model, repo, query } = call;
  const found = model.pulls.find(repo, numberOf(call));
  if (!found.ok) return problem(Number(found.code), found.message);
  const changes = Object.entries(model.pulls.changes(repo, found.value));
  return page(query, changes, (items) =>
    items.map((item) => model.talkJson.pullFile(repo, found.value, item)),
  );
}

function openPull(call: RepoCall): Result {
  const { model, repo, input } = call;
  const [head = '', base = '', title = '', body = ''] = ['head', 'base', 'title', 'body'].map(
    (name) => text(input[name]),
  );
  return reply(model.pulls.open(repo, { head, base, title, body }), 201, showPull(call));
}

function changePull(call: RepoCall): Result {
  const { model, repo, input } = call;
  // To close is all that the App ever changes.
  if (input['state'] !== 'closed') return problem(422, 'Validation Failed');
  return reply(model.pulls.close(repo, numberOf(call)), 200, showPull(call));
}

const count = (value: unknown): number | null => (typeof value === 'number' ? value : null);

function annotationOf(value: unknown): Annotation {
  const fields = fieldsOf(value);
  return {
    path: text(fields['path']) ?? '',
    startLine: count(fields['start_line']) ?? 0,
    endLine: count(fields['end_line']) ?? 0,
    startColumn: count(fields['start_column']),
    endColumn: count(fields['end_column']),
    level: text(fields['annotation_level']) ?? '',
    message: text(fields['message']) ?? '',
  };
}

function checkOf(input: RepoCall['input']): CheckChange {
  const [name, status, conclusion] = ['name', 'status', 'conclusion'].map((key) =>
    text(input[key]),
  );
  const output = fieldsOf(input['output']);
  const annotations = Array.isArray(output['annotations']) ? output['annotations'] : [];
  return {
    ...(name === undefined ? {} : { name }),
    ...(status === undefined ? {} : { status }),
    ...(conclusion === undefined ? {} : { conclusion }),
    ...(input['output'] === undefined
      ? {}
      : {
          output: {
            title: text(output['title']) ?? '',
            summary: text(output['summary']) ?? '',
            annotations: annotations.map(annotationOf),
          },
        }),
  };
}

const showCheck =
  ({ model, repo }: RepoCall) =>
  (check: Check): object =>
    model.talkJson.check(repo, check);

function makeCheck(call: RepoCall): Result {
  const sha = text(call.input['head_sha']) ?? '';
  const made = call.model.checks.make(call.repo, { ...checkOf(call.input), sha });
  return reply(made, 201, showCheck(call));
}

function changeCheck(call: RepoCall): Result {
  const changed = call.model.checks.change(call.repo, numberOf(call), checkOf(call.input));
  return reply(changed, 200, showCheck(call));
}

/** The newest of each name, as `filter=latest` and by default; all of them are the App's. */
function checksOf({ model, repo, args, query }: RepoCall): Result {
  const name = query.get('check_name');
  const newest = new Map(model.checks.of(repo, args[0] ?? '').map((check) => [check.name, check]));
  const found = [...newest.values()].filter((check) => name === null || check.name === name);
  return page(query, found, (items) => ({
    total_count: found.length,
    check_runs: items.map((check) => model.talkJson.check(repo, check)),
  }));
}

/** GitHub takes either permission, by where the comment is; the App's tokens have both. */
const talk = (access: 'read' | 'write'): Permissions => ({ issues: access });
const pull = (access: 'read' | 'write'): Permissions => ({ pull_requests: access });
const checks: Permissions = { checks: 'write' };

export const TALK_ROUTES: Readonly<Record<string, RepoRoute>> = {
  'GET {repo}/collaborators/{login}/permission': {
    who: 'repo',
    needs: { metadata: 'read' },
    run: permission,
  },
  'GET {repo}/issues/{number}/comments': { who: 'repo', needs: talk('read'), run: comments },
  'POST {repo}/issues/{number}/comments': { who: 'repo', needs: talk('write'), run: comment },
  'PATCH {repo}/issues/comments/{id}': { who: 'repo', needs: talk('write'), run: editComment },
  'POST {repo}/issues/comments/{id}/reactions': { who: 'repo', needs: talk('write'), run: react },
  'DELETE {repo}/issues/comments/{id}/reactions/{reaction}': {
    who: 'repo',
    needs: talk('write'),
    run: (call) =>
      reply(call.model.issues.unreact(call.repo, numberOf(call), Number(call.args[1])), 204),
  },
  'GET {repo}/pulls': { who: 'repo', needs: pull('read'), run: pulls },
  'POST {repo}/pulls': { who: 'repo', needs: pull('write'), run: openPull },
  'GET {repo}/pulls/{number}': {
    who: 'repo',
    needs: pull('read'),
    run: (call) => reply(call.model.pulls.find(call.repo, numberOf(call)), 200, showPull(call)),
  },
  'GET {repo}/pulls/{number}/files': { who: 'repo', needs: pull('read'), run: pullFiles },
  'PATCH {repo}/pulls/{number}': { who: 'repo', needs: pull('write'), run: changePull },
  'POST {repo}/check-runs': { who: 'repo', needs: checks, run: makeCheck },
  'GET {repo}/commits/{sha}/check-runs': {
    who: 'repo',
    needs: { checks: 'read' },
    run: checksOf,
  },
  'PATCH {repo}/check-runs/{id}': { who: 'repo', needs: checks, run: changeCheck },
};
