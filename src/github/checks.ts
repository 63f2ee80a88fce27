import { cutAtLine } from '../lib/cut.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client, Target } from './client.ts';
import { parseId, within } from './parse.ts';
import type { CheckRun, RepoRef, Talk } from './port.ts';
import { target } from './target.ts';

// What a commit's page says of our rules file and of waiting jobs.

/** In one call; a further one adds to those that are there. */
const ANNOTATIONS_A_CALL = 50;
/** Of one check run: nobody reads more, and each fifty are a call. */
const MAX_ANNOTATIONS = 500;
const MAX_SUMMARY_BYTES = 65_535;
const MAX_MESSAGE_BYTES = 65_536;

export const checkCalls = (client: Client): Pick<Talk, 'check' | 'findCheck'> => ({
  check: (repo, run) => writeCheck(client, repo, run),
  findCheck: (repo, of) => findCheck(client, repo, of),
});

/** Another App may have given the same name to a check of its own. */
async function findCheck(
  client: Client,
  repo: RepoRef,
  { name, sha }: Pick<CheckRun, 'name' | 'sha'>,
): Promise<Reply<{ readonly id: number } | null>> {
  const us = await client.call(
    { call: 'app', at: null, params: {}, what: 'read who we are' },
    ({ data }) => parseId(data),
  );
  if (!us.ok) return us;
  const query = { ref: sha, check_name: name, filter: 'latest', app_id: us.value.id };
  const listed = await client.list(target(repo, 'checks', `find check ${name}`, query), {
    items: within('check_runs'),
    parse: parseId,
    maxPages: 1,
  });
  return listed.ok ? done(listed.value[0] ?? null) : listed;
}

async function writeCheck(
  client: Client,
  repo: RepoRef,
  run: CheckRun & { readonly id?: number },
): Promise<Reply<{ readonly id: number }>> {
  const { name, sha, conclusion, title } = run;
  const all = run.annotations.slice(0, MAX_ANNOTATIONS).map(annotation);
  const summary = cutAtLine(run.summary, MAX_SUMMARY_BYTES);
  const write = (asked: (params: Target['params']) => Target, from: number) =>
    client.call(
      asked({
        name,
        // GitHub takes a conclusion for the end, so a status beside it may say nothing else.
        ...(conclusion === null ? { status: 'in_progress' } : { status: 'completed', conclusion }),
        output: { title, summary, annotations: all.slice(from, from + ANNOTATIONS_A_CALL) },
      }),
      ({ data }) => parseId(data),
    );
  const change = (id: number) => (params: Target['params']) =>
    target(repo, 'changeCheck', `change check ${name}`, { check_run_id: id, ...params });
  const make = (params: Target['params']) =>
    target(repo, 'makeCheck', `make check ${name}`, { head_sha: sha, ...params });
  const first = await write(run.id === undefined ? make : change(run.id), 0);
  if (!first.ok) return first;
  for (let from = ANNOTATIONS_A_CALL; from < all.length; from += ANNOTATIONS_A_CALL) {
    const more = await write(change(first.value.id), from);
    if (!more.ok) return more;
  }
  return first;
}

/** On one line, for which alone GitHub takes columns. */
const annotation = (of: CheckRun['annotations'][number]) => ({
  path: of.path,
  start_line: of.line,
  end_line: of.line,
  start_column: of.column,
  end_column: of.endColumn,
  annotation_level: of.level,
  message: cutAtLine(of.message, MAX_MESSAGE_BYTES),
});
