import { parseCommand } from '../commands/parse.ts';
import { printCommand } from '../commands/print.ts';
import { COMMANDS } from '../commands/table.ts';
import type { Permission } from '../github/port.ts';
import type { Command, Door } from '../model/command.ts';
import type { CallCounts, Outcome } from '../model/outcome.ts';
import type { Refused } from '../model/reply.ts';
import { isHome, type Repo } from '../model/repo.ts';
import { type Rule, type RulesChange, type RulesFile, ruleId } from '../model/rules.ts';
import { parseRules } from '../rules/parse.ts';
import type { ScopeRows } from '../store/port.ts';
import { callCounts } from './calls.ts';
import { type ChangeDeps, type Changed, changeRules } from './change-rules.ts';
import { checkRule } from './check-rule.ts';
import { explain } from './explain.ts';
import { accountOf, recordOf } from './govern.ts';
import { type InForce, inForce, ofOwner } from './in-force.ts';
import { beyondOwners, hidingNotes } from './owner-notes.ts';
import { RULES_PATH } from './read-rules.ts';
import { beginAnew } from './rule-history.ts';
import { machineRows, rowsOf, rulesState, waitRows } from './rules-state.ts';

/** Who asks, by which door, with what permission, and where: the same from every door. */
export interface Asker {
  readonly repo: Repo;
  readonly door: Door;
  readonly login: string;
  readonly permission: Permission;
  /** Link to what was said, for the commit's message; '' where there is none. */
  readonly url: string;
}

const RANK: Readonly<Record<Permission, number>> = { none: 0, read: 1, write: 2, admin: 3 };

/** One line, without the program's name, to what it did or found. */
export async function runLine(deps: ChangeDeps, asker: Asker, line: string): Promise<Outcome> {
  const parsed = parseCommand(line, asker.door);
  if (!parsed.ok) return { kind: 'error', error: parsed.error };
  const refusal = mayNot(parsed.command, asker);
  return refusal ?? runCommand(deps, asker, parsed.command);
}

/** In a public repository everybody may read, so there it takes write to make us speak. */
function mayNot(command: Command, { repo, permission }: Asker): Outcome | undefined {
  const asked = COMMANDS[command.name].needs;
  const needs = neededIn(repo, command, asked);
  if (RANK[permission] >= RANK[needs]) return undefined;
  const has = permission === 'none' ? 'no access' : permission;
  const text = `Only people with ${needs} access may run \`${command.name}\`; you have ${has}.`;
  const hint = permission === 'read' && repo.isPrivate ? READ_HINT : undefined;
  return {
    kind: 'refused',
    isForbidden: true,
    text: text.replaceAll('`', ''),
    ...(hint ? { hint } : {}),
  };
}

/** An owner's rules are for all repositories of theirs: only who administers that one changes them. */
function neededIn(repo: Repo, { name }: Command, asked: Permission): Permission {
  if (asked === 'write' && isHome(repo) && CHANGES.has(name)) return 'admin';
  return asked === 'read' && !repo.isPrivate ? 'write' : asked;
}

const CHANGES: ReadonlySet<Command['name']> = new Set([
  'autoscale allow',
  'autoscale clear',
  'autoscale disable',
  'autoscale enable',
]);

const READ_HINT = 'Yours at any time: `info`, `explain`, `runners`, `help`.';

async function runCommand(deps: ChangeDeps, asker: Asker, command: Command): Promise<Outcome> {
  switch (command.name) {
    case 'autoscale allow':
    case 'autoscale clear':
    case 'autoscale disable':
    case 'autoscale enable':
      return change(deps, asker, command);
    case 'autoscale info':
      return info(deps, asker.repo);
    case 'autoscale explain':
      return explain(deps, asker.repo, command);
    case 'runners': {
      const rows = rowsOf(await deps.store.scopeRows(asker.repo.scope), asker.repo);
      return { kind: 'runners', machines: machineRows(deps, rows), asOf: deps.clock.now() };
    }
    case 'help':
      return { kind: 'help', ...(command.topic ? { topic: command.topic } : {}) };
    case 'aws info':
    case 'aws configure':
    case 'aws clear':
      return { kind: 'refused', text: `${command.name} is for the command line only.` };
  }
}

type ChangeCommand = Extract<
  Command,
  { name: 'autoscale allow' | 'autoscale clear' | 'autoscale disable' | 'autoscale enable' }
>;

async function change(deps: ChangeDeps, asker: Asker, command: ChangeCommand): Promise<Outcome> {
  const { repo } = asker;
  const now = await inForce(deps, repo);
  const asked = changeOf(command, now.own?.region ?? now.file?.region ?? now.region);
  if (!asked) return { kind: 'refused', text: NO_REGION };
  const beyond = beyondOwners(now, asked);
  if (beyond !== undefined) return { kind: 'refused', text: beyond };
  const notes: string[] = [];
  if (asked.kind === 'allow' && asked.max > 0) {
    const checked = await checkAllowed(deps, { repo, now, asked });
    if (checked.problem !== undefined) {
      const { problem: text, url } = checked;
      return { kind: 'refused', text, ...(url === undefined ? {} : { url }) };
    }
    notes.push(...checked.notes);
  }
  const changed = await changeRules(deps, {
    repo,
    change: asked,
    message: messageOf(asker, command),
  });
  // Who asks for machines may have mended what a rule was paused for.
  if (changed.ok) await beginAnew(deps.store, repo.scope, deps.clock.now());
  return outcomeOf(deps, { asker, command, changed, notes, now });
}

const NO_REGION =
  'No region is known: give --region, or set autoscale.region in the rules file. Nothing runs without one.';

function changeOf(command: ChangeCommand, fileRegion: string | null): RulesChange | undefined {
  switch (command.name) {
    case 'autoscale clear':
      return { kind: 'clear' };
    case 'autoscale disable':
      return { kind: 'enabled', value: false };
    case 'autoscale enable':
      return { kind: 'enabled', value: true };
    case 'autoscale allow': {
      const { name: _, region = fileRegion, ...rest } = command;
      return region === null ? undefined : { kind: 'allow', region, ...rest };
    }
  }
}

/** What AWS or the account cannot do is an error before anything changes. */
async function checkAllowed(
  deps: ChangeDeps,
  of: { repo: Repo; now: InForce; asked: Extract<RulesChange, { kind: 'allow' }> },
): Promise<{
  readonly problem?: string;
  readonly url?: string | undefined;
  readonly notes: readonly string[];
}> {
  const found = await accountOf(deps.accounts, of.now.rows, of.repo);
  if (!('account' in found)) return { notes: [`Not checked against AWS: ${found.reason.text}`] };
  const rule = wouldBe(of.now.file, of.asked);
  if (!rule) return { notes: [] };
  const { problems, unchecked } = await checkRule({
    catalogue: deps.catalogue,
    account: found.account,
    rule,
  });
  const [problem] = problems;
  if (!problem) return { notes: unchecked };
  const nearest = problem.nearest ? ` Nearest: ${problem.nearest.join(', ')}.` : '';
  return { problem: `${problem.text}${nearest}`, url: problem.url, notes: [] };
}

/** The rule as it would be, with what the file says for all rules. */
function wouldBe(
  file: RulesFile | null,
  { type, region, max, spotPolicy, maxPriceUsd }: Extract<RulesChange, { kind: 'allow' }>,
): Rule | undefined {
  const known = file?.rules.find(({ id }) => id === ruleId(type, region));
  const text = `autoscale:\n  region: ${region}\n  rules:\n    - instance-type: ${type}\n      max: ${max}\n`;
  const parsed = parseRules(text);
  const [fresh] = parsed.ok ? parsed.rules.rules : [];
  const base = known ?? (fresh && file ? { ...fresh, image: file.image } : fresh);
  return (
    base && {
      ...base,
      max,
      ...(spotPolicy ? { spotPolicy } : {}),
      ...(maxPriceUsd === undefined ? {} : { maxPriceUsd }),
    }
  );
}

function messageOf({ login, url, door }: Asker, command: Command): string {
  const from = url === '' ? BY[door] : url;
  return `dstack ${printCommand(command)}\n\nAsked for by @${login}: ${from}`;
}

const BY: Readonly<Record<Door, string>> = {
  comment: 'in a comment',
  cli: 'on the command line',
  action: 'in a workflow',
  http: 'over HTTP',
};

async function outcomeOf(
  deps: ChangeDeps,
  of: {
    asker: Asker;
    command: ChangeCommand;
    changed: Changed;
    notes: readonly string[];
    /** Before the change. */
    now: InForce;
  },
): Promise<Outcome> {
  const { asker, command, changed, now } = of;
  const { repo } = asker;
  if (!changed.ok) {
    if ('problems' in changed) {
      return { kind: 'file-problems', problems: changed.problems, url: fileUrl(deps, repo) };
    }
    return { kind: 'refused', text: refusalText(changed.refused) };
  }
  const { owner } = now;
  const hasFile = !changed.isNew || changed.place !== null;
  const file = owner ? ofOwner(owner, hasFile ? changed.file : null) : changed.file;
  const isNarrowed = owner !== null && hasFile;
  const state = await rulesState(deps, { repo, file, owner, isNarrowed });
  const head = headOf(command, changed);
  if (!changed.place) return { kind: 'unchanged', head, state };
  const undo = undoOf(command, changed);
  const notes = [...of.notes, ...hidingNotes(now, changed)];
  return { kind: 'changed', head, state, ended: changed.ended, place: changed.place, undo, notes };
}

const NOT_EDITABLE: Readonly<Record<string, string>> = {
  'no-file': 'is a folder or a submodule, so it cannot be edited: put a file of text in its place',
  'no-text':
    'is no UTF-8, or larger than 1 MB, so it cannot be edited: put a smaller file of text in its place',
  link: 'is a link, which a commit would break: edit the file that it leads to, or put a file of text in its place',
};

function refusalText({ code, message, reason }: Refused): string {
  if (reason === 'invalid') {
    return `${RULES_PATH} ${NOT_EDITABLE[code] ?? NOT_EDITABLE['no-file']}.`;
  }
  return reason === 'denied'
    ? `GitHub does not let the App commit: ${message}`
    : `The change could not be committed (GitHub: ${code} ${message}). Say it again in a moment.`;
}

type Done = Extract<Changed, { ok: true }>;

function headOf(command: ChangeCommand, { before, place }: Done): string {
  const already = place ? '' : 'already ';
  switch (command.name) {
    case 'autoscale clear':
      return place ? 'All rules are removed.' : 'There were no rules to remove.';
    case 'autoscale disable':
      return `Autoscaling is ${already}off: no machine is launched until it is enabled.`;
    case 'autoscale enable':
      return `Autoscaling is ${already}on: machines start when jobs ask for them.`;
    case 'autoscale allow': {
      const { type, max } = command;
      if (max === 0)
        return place
          ? `${type}: not allowed any more.`
          : `There was no rule for ${type} to remove.`;
      const was = before ? ` (was ${before.max})` : '';
      return place
        ? `${type}: at most ${max}${was}. Machines start when jobs ask for them.`
        : `${type}: at most ${max} already.`;
    }
  }
}

function undoOf(command: ChangeCommand, { before }: Done): string | null {
  if (command.name === 'autoscale disable') return 'autoscale enable';
  if (command.name === 'autoscale enable') return 'autoscale disable';
  if (command.name !== 'autoscale allow') return null;
  return printCommand({ ...command, max: before?.max ?? 0 });
}

const fileUrl = (deps: ChangeDeps, { owner, name, defaultBranch }: Repo): string =>
  `${deps.settings.htmlUrl}/${owner}/${name}/blob/${defaultBranch}/${RULES_PATH}`;

async function info(deps: ChangeDeps, repo: Repo): Promise<Outcome> {
  const { rows: all, file, owner, own, isNarrowed } = await inForce(deps, repo);
  const rows = rowsOf(all, repo);
  const empty = parseRules('autoscale: {}');
  const shown = file ?? (empty.ok ? empty.rules : undefined);
  if (!shown) return { kind: 'refused', text: 'The rules could not be read.' };
  const isInherited = owner !== null && own === null;
  const from = isInherited && all.home ? all.home : repo;
  const { commit = null } = recordOf(all, from) ?? {};
  const hour = deps.talk.hourOf(repo.installation);
  return {
    kind: 'info',
    state: await rulesState(deps, { repo, file: shown, owner, isNarrowed }),
    waits: waitRows(deps, rows),
    machines: machineRows(deps, rows),
    rules: { commit, url: fileUrl(deps, from) },
    calls: hour && { used: hour.used, limit: hour.limit },
    spent: await spentBy(deps, all, repo),
  };
}

async function spentBy(
  { accounts, meters }: ChangeDeps,
  rows: ScopeRows,
  repo: Repo,
): Promise<CallCounts | null> {
  if (!meters) return null;
  const found = await accountOf(accounts, rows, repo);
  const account = 'account' in found ? found.account : null;
  return callCounts(meters, { installation: repo.installation, account });
}
