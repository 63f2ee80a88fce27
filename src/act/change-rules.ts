import type { FileToEdit, Talk } from '../github/port.ts';
import type { Job } from '../model/job.ts';
import type { Instance } from '../model/launch.ts';
import type { EndedRow, JobLink, Place } from '../model/outcome.ts';
import type { Refused } from '../model/reply.ts';
import { fileScope, isHome, type Repo } from '../model/repo.ts';
import {
  type Rule,
  type RulesChange,
  type RulesFile,
  type RulesProblem,
  ruleId,
} from '../model/rules.ts';
import { editRules } from '../rules/edit.ts';
import { parseRules } from '../rules/parse.ts';
import type { ScopeRows } from '../store/port.ts';
import type { RegionOf } from './default-region.ts';
import { type ActDeps, LEASE_MS } from './deps.ts';
import { BRANCH_PREFIX } from './hold-pulls.ts';
import {
  changeHolds,
  type Hold,
  holdsFor,
  holdsOf,
  type Taken,
  takeOver,
  underHolds,
} from './holds.ts';
import { inForce } from './in-force.ts';
import { parseOptions, RULES_PATH, type RulesOf } from './read-rules.ts';
import { noteNews } from './rules-news.ts';
import { jobLink } from './rules-state.ts';

// A change of the rules is a commit. What restricts is stored first, then acted on, then committed;
// what permits is committed first. So a crash at any point leaves less running than allowed, not more.

export interface ChangeDeps extends ActDeps {
  readonly rulesOf: RulesOf;
  readonly regionOf: RegionOf;
  readonly talk: Talk;
  readonly holder: string;
  /** A whole tick of the scope that began after this call. */
  readonly settled: (scope: Repo['scope']) => Promise<void>;
}

export interface ChangeAsk {
  readonly repo: Repo;
  readonly change: RulesChange;
  /** Of the commit: who asked, and where. */
  readonly message: string;
}

export type Changed =
  | {
      readonly ok: true;
      readonly file: RulesFile;
      readonly before: Rule | undefined;
      readonly after: Rule | undefined;
      /** There was none before. */
      readonly isNew: boolean;
      readonly ended: readonly EndedRow[];
      /** null: the file said so already. */
      readonly place: Place | null;
    }
  | { readonly ok: false; readonly problems: readonly RulesProblem[] }
  | { readonly ok: false; readonly refused: Refused };

/** Races for the same file that are lost before we give up. */
const MOST_TRIES = 6;

interface Draft {
  readonly file: FileToEdit;
  readonly text: string;
  readonly before: Rule | undefined;
  readonly after: Rule | undefined;
  readonly rulesAfter: RulesFile;
  /** What the change takes away, of what the file says now. */
  readonly holds: readonly Hold[];
  readonly isChanged: boolean;
}

export async function changeRules(deps: ChangeDeps, ask: ChangeAsk): Promise<Changed> {
  const { repo } = ask;
  const held = takeOver(await holdsOf(deps.store, fileScope(repo)), ask.change);
  let restricted: Restricted | undefined;
  let last: FileToEdit | undefined;
  for (let tries = 1; ; tries += 1) {
    const draft = await draftOf(deps, ask, held);
    if ('ok' in draft) return draft;
    if (!draft.isChanged) {
      const place = held.taken.length > 0 ? lifted(deps, repo, held) : null;
      return finish(deps, ask, { draft, held, ...(restricted ?? NOTHING), place });
    }
    restricted ??= await restrict(deps, ask, draft);
    // GitHub says 409 to a lost race and to a protected branch alike: the file tells them apart.
    const isProtected = last !== undefined && last.blob === draft.file.blob;
    last = draft.file;
    const place = isProtected
      ? await askByPull(deps, ask, draft)
      : await commit(deps, ask, { draft, branch: repo.defaultBranch });
    if ('kind' in place) return finish(deps, ask, { draft, held, ...restricted, place });
    if (place.reason !== 'conflict' || tries >= MOST_TRIES || isProtected) {
      if (draft.holds.length === 0) return { ok: false, refused: place };
      return finish(deps, ask, { draft, held, ...restricted, place: stillHeld(repo, place) });
    }
  }
}

/** The file said so already: only what was held against it ends. */
function lifted({ settings }: ChangeDeps, repo: Repo, { taken }: Taken): Place {
  const pull = taken.find((hold) => hold.pull !== null)?.pull ?? null;
  const url = `${settings.htmlUrl}/${repo.owner}/${repo.name}/pull/${pull}`;
  return { kind: 'lifted', name: String(pull ?? ''), url, branch: repo.defaultBranch };
}

/** GitHub takes neither a commit nor a pull request; what was taken away is taken away all the same. */
const stillHeld = ({ defaultBranch: branch }: Repo, { code, message }: Refused): Place => ({
  kind: 'held',
  name: `GitHub: ${code} ${message}`,
  url: '',
  branch,
});

async function draftOf(deps: ChangeDeps, ask: ChangeAsk, held: Taken): Promise<Draft | Changed> {
  const { repo } = ask;
  const read = await deps.talk.fileToEdit(repo, RULES_PATH, repo.defaultBranch);
  if (!read.ok) return { ok: false, refused: read };
  const { owner, region } = await inForce(deps, repo);
  const options = parseOptions(region);
  const schemaUrl = `${deps.settings.publicUrl ?? ''}/schema/dstack.json`;
  let { text } = read.value;
  let after: Rule | undefined;
  for (const change of held.changes) {
    const edited = editRules(text, change, { ...options, schemaUrl });
    if (!edited.ok) return { ok: false, problems: edited.problems };
    ({ text, after } = { after: undefined, ...edited });
  }
  const parse = (its: string | null) => parseRules(its ?? 'autoscale: {}', options);
  const [old, now] = [parse(read.value.text), parse(text)];
  if (!now.ok) return { ok: false, problems: now.errors };
  const written = old.ok ? old.rules : now.rules;
  // Where there is no file yet, the owner's is in force until then.
  const file = read.value.text === null && owner ? owner : written;
  const soFar = underHolds(file, held.all);
  const { change } = ask;
  const named = change.kind === 'allow' ? ruleId(change.type, change.region) : undefined;
  return {
    file: read.value,
    text: text ?? '',
    before: soFar.rules.find(({ id }) => id === named),
    after,
    rulesAfter: now.rules,
    holds: holdsFor(file, now.rules, deps.clock.now()),
    isChanged: text !== null && text !== read.value.text,
  };
}

interface Restricted {
  /** As they were stored. */
  readonly mine: readonly Hold[];
  readonly ended: readonly EndedRow[];
}

const NOTHING: Restricted = { mine: [], ended: [] };

/** What the change takes away holds from now on, and what it ends is ended before it is committed. */
async function restrict(
  deps: ChangeDeps,
  { repo }: ChangeAsk,
  { holds: mine }: Draft,
): Promise<Restricted> {
  const { store, clock } = deps;
  if (mine.length === 0) return NOTHING;
  const scope = fileScope(repo);
  await changeHolds(store, { scope, drop: [], add: mine, now: clock.now() });
  const before = await store.scopeRows(repo.scope);
  await deps.settled(repo.scope);
  return { mine, ended: await endedSince(deps, repo, before) };
}

async function endedSince(
  deps: ChangeDeps,
  repo: Repo,
  before: ScopeRows,
): Promise<readonly EndedRow[]> {
  const after = await deps.store.scopeRows(repo.scope);
  const lives = new Set(after.instances.filter(isStaying).map(({ key }) => key));
  const ended = before.instances.filter((one) => {
    const isIts = isHome(repo) || one.repo === repo.id;
    return isIts && isStaying(one) && !lives.has(one.key);
  });
  return ended.map((one) => {
    const job = jobOn(one, before) ?? jobOn(one, after);
    const isCut = job !== undefined || (one.state === 'busy' && one.finishedAt === null);
    const ranMs = isCut && one.startedAt !== null ? deps.clock.now() - one.startedAt : null;
    const its = before.repos.find(({ id }) => id === one.repo);
    const link = job ? linkFor(deps, repo, { its, job }) : null;
    return { id: one.id ?? 'asked for', type: one.type, isCut, job: link, ranMs };
  });
}

/** As GitHub said, which may be later than the machine's own word that a job began. */
const jobOn = ({ runnerName }: Instance, { jobs }: ScopeRows): Job | undefined =>
  jobs.find(
    (job) =>
      job.state === 'in_progress' && job.runnerName !== null && job.runnerName === runnerName,
  );

/** What another repository runs is not for everyone who reads this one. */
const linkFor = (
  deps: ChangeDeps,
  repo: Repo,
  of: { readonly its: Repo | undefined; readonly job: Job },
): JobLink =>
  of.its?.id === repo.id
    ? jobLink(deps, repo, of.job)
    : { id: of.job.id, name: OTHERS_JOB, url: `${deps.settings.htmlUrl}/${repo.owner}` };

const OTHERS_JOB = 'a job of another repository';

const isStaying = ({ state }: Instance): boolean => state !== 'ending' && state !== 'gone';

async function commit(
  deps: ChangeDeps,
  { repo, message }: ChangeAsk,
  of: { draft: Draft; branch: string; blob?: string | null },
): Promise<Place | Refused> {
  const { draft, branch } = of;
  const made = await deps.talk.commitFile(repo, {
    path: RULES_PATH,
    text: draft.text,
    blob: draft.file.blob,
    branch,
    message,
  });
  return made.ok ? { kind: 'commit', name: made.value.commit, url: made.value.url, branch } : made;
}

/** The branch may not be pushed to: the change is asked for, and what it takes away holds already. */
async function askByPull(deps: ChangeDeps, ask: ChangeAsk, draft: Draft): Promise<Place | Refused> {
  const { repo, message } = ask;
  const head = `${BRANCH_PREFIX}${deps.random.hex(4)}`;
  const branch = await deps.talk.makeBranch(repo, { name: head, from: repo.defaultBranch });
  if (!branch.ok) return branch;
  const committed = await commit(deps, ask, { draft, branch: head });
  if (!('kind' in committed)) return committed;
  const [title = '', ...body] = message.split('\n');
  const pull = await deps.talk.openPull(repo, {
    head,
    base: repo.defaultBranch,
    title,
    body: body.join('\n').trim(),
  });
  if (!pull.ok) return pull;
  const { number, url } = pull.value;
  return { kind: 'pull', name: String(number), url, branch: repo.defaultBranch };
}

/** The change is where it belongs: it is in force, and what was held before it is let go. */
async function finish(
  deps: ChangeDeps,
  { repo }: ChangeAsk,
  of: Restricted & { draft: Draft; held: Taken; place: Place | null },
): Promise<Changed> {
  const { draft, held, mine, ended, place } = of;
  const { store, clock, holder } = deps;
  const scope = fileScope(repo);
  const now = clock.now();
  if (place?.kind === 'commit') {
    const lease = await store.lease({ name: repo.scope, holder, now, ttlMs: LEASE_MS });
    const rules = await store.rules(scope);
    if (lease) {
      const { text } = draft;
      const read = { scope, text, commit: place.name, errors: null, readAt: now };
      const record = { ...read, wantedCommit: rules?.wantedCommit ?? null };
      await noteNews(store, rules, { record, ref: place.name, text });
      await store.saveRules(lease, record);
    }
    deps.log.info({ scope, commit: place.name }, 'rules changed by a command');
  }
  const pull = place?.kind === 'pull' ? Number(place.name) : null;
  const isHeld = pull !== null || place?.kind === 'held';
  const add = isHeld ? draft.holds.map((hold): Hold => ({ ...hold, pull })) : [];
  const drop = [...held.taken, ...mine];
  if (drop.length > 0) await changeHolds(store, { scope, drop, add, now });
  await closeOvertaken(deps, repo, held);
  await deps.settled(repo.scope);
  const { before, after, rulesAfter } = draft;
  const isNew = draft.file.text === null;
  return { ok: true, file: rulesAfter, isNew, before, after, ended, place };
}

/** What was asked for by pull request before, and is undone or written anew by this change. */
async function closeOvertaken(deps: ChangeDeps, repo: Repo, { taken }: Taken): Promise<void> {
  for (const pull of new Set(taken.flatMap((hold) => hold.pull ?? []))) {
    await deps.talk.closePull(repo, pull);
  }
}
