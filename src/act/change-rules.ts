import type { FileToEdit, Talk } from '../github/port.ts';
import type { Instance } from '../model/launch.ts';
import type { EndedRow, Place } from '../model/outcome.ts';
import type { Refused } from '../model/reply.ts';
import type { Repo } from '../model/repo.ts';
import type { Rule, RulesChange, RulesFile, RulesProblem } from '../model/rules.ts';
import { editRules } from '../rules/edit.ts';
import { parseRules } from '../rules/parse.ts';
import type { ScopeRows } from '../store/port.ts';
import { type ActDeps, LEASE_MS } from './deps.ts';
import { type Hold, holdsFor, holdsOf, saveHolds } from './holds.ts';
import { RULES_PATH } from './read-rules.ts';
import { noteNews } from './rules-news.ts';
import { jobLink } from './rules-state.ts';

// A change of the rules is a commit. What restricts is stored first, then acted on, then committed;
// what permits is committed first. So a crash at any point leaves less running than allowed, not more.

export interface ChangeDeps extends ActDeps {
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
      readonly ended: readonly EndedRow[];
      /** null: the file said so already. */
      readonly place: Place | null;
    }
  | { readonly ok: false; readonly problems: readonly RulesProblem[] }
  | { readonly ok: false; readonly refused: Refused };

/** Races for the same file that are lost before we give up. */
const MOST_TRIES = 6;
const BRANCH_PREFIX = 'dstack/rules-';

interface Draft {
  readonly file: FileToEdit;
  readonly text: string;
  readonly before: Rule | undefined;
  readonly after: Rule | undefined;
  readonly rulesBefore: RulesFile;
  readonly rulesAfter: RulesFile;
  readonly isChanged: boolean;
}

export async function changeRules(deps: ChangeDeps, ask: ChangeAsk): Promise<Changed> {
  const { repo } = ask;
  let ended: readonly EndedRow[] = [];
  let hasHeld = false;
  let last: FileToEdit | undefined;
  for (let tries = 1; ; tries += 1) {
    const draft = await draftOf(deps, ask);
    if ('ok' in draft) return draft;
    if (!draft.isChanged) return finish(deps, ask, { draft, ended, place: null });
    if (!hasHeld) {
      ended = await restrict(deps, ask, draft);
      hasHeld = true;
    }
    // GitHub says 409 to a lost race and to a protected branch alike: the file tells them apart.
    const isProtected = last !== undefined && last.blob === draft.file.blob;
    last = draft.file;
    const place = isProtected
      ? await askByPull(deps, ask, draft)
      : await commit(deps, ask, { draft, branch: repo.defaultBranch });
    if ('kind' in place) return finish(deps, ask, { draft, ended, place });
    if (place.reason !== 'conflict' || tries >= MOST_TRIES || isProtected) {
      return { ok: false, refused: place };
    }
  }
}

async function draftOf(deps: ChangeDeps, ask: ChangeAsk): Promise<Draft | Changed> {
  const { repo, change } = ask;
  const read = await deps.talk.fileToEdit(repo, RULES_PATH, repo.defaultBranch);
  if (!read.ok) return { ok: false, refused: read };
  const { defaultRegion, publicUrl } = deps.settings;
  const options = defaultRegion ? { defaultRegion } : {};
  const schemaUrl = `${publicUrl ?? ''}/schema/dstack.json`;
  const edited = editRules(read.value.text, change, { ...options, schemaUrl });
  if (!edited.ok) return { ok: false, problems: edited.problems };
  const parse = (text: string | null) => parseRules(text ?? 'autoscale: {}', options);
  const [old, now] = [parse(read.value.text), parse(edited.text)];
  if (!now.ok) return { ok: false, problems: now.errors };
  return {
    file: read.value,
    text: edited.text ?? '',
    before: edited.before,
    after: edited.after,
    rulesBefore: old.ok ? old.rules : now.rules,
    rulesAfter: now.rules,
    isChanged: edited.changed && edited.text !== null,
  };
}

/** What the change takes away holds from now on, and what it ends is ended before it is committed. */
async function restrict(
  deps: ChangeDeps,
  { repo }: ChangeAsk,
  draft: Draft,
): Promise<readonly EndedRow[]> {
  const { store, clock } = deps;
  const holds = holdsFor(draft.rulesBefore, draft.rulesAfter, clock.now());
  if (holds.length === 0) return [];
  const { scope } = repo;
  const earlier = await holdsOf(store, scope);
  await saveHolds(store, { scope, holds: [...earlier, ...holds], now: clock.now() });
  const before = await store.scopeRows(scope);
  await deps.settled(scope);
  return endedSince(deps, repo, before);
}

async function endedSince(
  deps: ChangeDeps,
  repo: Repo,
  before: ScopeRows,
): Promise<readonly EndedRow[]> {
  const after = await deps.store.scopeRows(repo.scope);
  const lives = new Set(after.instances.filter(isStaying).map(({ key }) => key));
  const ended = before.instances.filter((one) => isStaying(one) && !lives.has(one.key));
  return ended.map((one) => {
    const job = before.jobs.find(
      ({ runnerName, state }) => state === 'in_progress' && runnerName === one.runnerName,
    );
    const ranMs = job && one.startedAt !== null ? deps.clock.now() - one.startedAt : null;
    const link = job ? jobLink(deps, repo, job) : null;
    return { id: one.id ?? 'asked for', type: one.type, job: link, ranMs };
  });
}

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

/** The change is where it belongs: it is in force, and what was held for it is let go. */
async function finish(
  deps: ChangeDeps,
  { repo }: ChangeAsk,
  of: { draft: Draft; ended: readonly EndedRow[]; place: Place | null },
): Promise<Changed> {
  const { draft, ended, place } = of;
  const { store, clock, holder } = deps;
  const { scope } = repo;
  const now = clock.now();
  const holds = await holdsOf(store, scope);
  if (place?.kind === 'pull') {
    const pull = Number(place.name);
    const kept = holds.map((hold): Hold => (hold.pull === null ? { ...hold, pull } : hold));
    await saveHolds(store, { scope, holds: kept, now });
  } else if (place) {
    const lease = await store.lease({ name: scope, holder, now, ttlMs: LEASE_MS });
    const { rules } = await store.scopeRows(scope);
    if (lease) {
      const { text } = draft;
      const read = { scope, text, commit: place.name, errors: null, readAt: now };
      const record = { ...read, wantedCommit: rules?.wantedCommit ?? null };
      await noteNews(store, rules, { record, ref: place.name, text });
      await store.saveRules(lease, record);
    }
    await closeOvertaken(deps, repo, holds);
    await saveHolds(store, { scope, holds: [], now });
    deps.log.info({ scope, commit: place.name }, 'rules changed by a command');
  }
  await deps.settled(scope);
  const { before, after, rulesAfter } = draft;
  return { ok: true, file: rulesAfter, before, after, ended, place };
}

/** A change that was committed overtakes what earlier ones asked for by pull request. */
async function closeOvertaken(deps: ChangeDeps, repo: Repo, holds: readonly Hold[]): Promise<void> {
  for (const pull of new Set(holds.flatMap((hold) => hold.pull ?? []))) {
    await deps.talk.closePull(repo, pull);
  }
}

/** A pull request was merged or closed: what was held for it is let go, and the file speaks again. */
export async function releasePull(
  deps: Pick<ChangeDeps, 'store' | 'clock'>,
  repo: Repo,
  pull: number,
): Promise<boolean> {
  const holds = await holdsOf(deps.store, repo.scope);
  const kept = holds.filter((hold) => hold.pull !== pull);
  if (kept.length === holds.length) return false;
  await saveHolds(deps.store, { scope: repo.scope, holds: kept, now: deps.clock.now() });
  return true;
}
