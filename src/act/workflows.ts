import type { RulesNote } from '../commands/rules-check.ts';
import type { Talk } from '../github/port.ts';
import type { RuleId } from '../model/ids.ts';
import { type Capability, capabilityOf, isOurs, needsOf, unmet } from '../model/labels.ts';
import type { Repo } from '../model/repo.ts';
import type { Rule, RulesPlace } from '../model/rules.ts';
import { readWorkflow, type WrittenJob } from '../rules/workflow.ts';
import type { ActDeps } from './deps.ts';
import { viewOf } from './offers.ts';
import { RULES_PATH } from './read-rules.ts';
import { inTurns, type SightAsk } from './rules-sight.ts';

type Need = Pick<ActDeps, 'github' | 'settings'> & { readonly talk: Talk };

const FOLDER = '.github/workflows';
/** Files of one commit; further ones are not read. */
const MOST_FILES = 50;

interface Ask extends SightAsk {
  readonly repo: Repo;
  readonly sha: string;
  readonly file: {
    readonly rules: { readonly rules: readonly Rule[] };
    readonly places: ReadonlyMap<RuleId, RulesPlace>;
  };
}

/** Jobs of the commit's workflows that no rule serves, and rules that none of them asks for. */
export async function judgeWorkflows(
  deps: Need,
  ask: Ask,
): Promise<{ readonly notes: readonly RulesNote[]; readonly remarks: readonly string[] }> {
  const read = await readJobs(deps, ask);
  if (typeof read === 'string') return { notes: [], remarks: [read] };
  const { label } = deps.settings;
  const jobs = read.jobs.filter(({ labels }) => isOurs(labels, label));
  const rules = ask.file.rules.rules.filter(({ max }) => max > 0);
  const able = await capabilities(ask, { rules, label });
  const asked = new Set<RuleId>();
  const notes: RulesNote[] = [];
  for (const { path, name, labels, place } of jobs) {
    const needs = needsOf(labels, label);
    const serving = able.filter((one) => unmet(needs, one) === undefined);
    for (const { rule } of serving) asked.add(rule.id);
    if (serving.length > 0) continue;
    const message = `no rule serves the job ${name}, which asks for ${labels.join(' ')}`;
    notes.push({ ...place, path, message });
  }
  const { unread, computed } = read;
  for (const rule of unread > 0 ? [] : rules) {
    const place = ask.file.places.get(rule.id);
    if (asked.has(rule.id) || place === undefined) continue;
    const message = `no \`runs-on\` that is written out in ${FOLDER} asks for ${rule.type} in ${rule.region}`;
    notes.push({ ...place, path: RULES_PATH, message });
  }
  const remarks = [
    ...(computed > 0 ? [`Jobs whose runs-on is an expression are passed over: ${computed}.`] : []),
    ...(unread > 0 ? [`Workflow files that were not read: ${unread}.`] : []),
  ];
  return { notes, remarks };
}

interface FoundJobs {
  readonly jobs: readonly (WrittenJob & { readonly path: string })[];
  readonly computed: number;
  readonly unread: number;
}

/** A text says why there is nothing to judge by. */
async function readJobs({ talk, github }: Need, { repo, sha }: Ask): Promise<FoundJobs | string> {
  const listed = await talk.files(repo, FOLDER, sha);
  if (!listed.ok && listed.reason !== 'missing') {
    return `Not checked, because GitHub does not list them (${listed.code}): the workflows.`;
  }
  const paths = listed.ok ? listed.value.filter((path) => /\.ya?ml$/.test(path)) : [];
  const read = await inTurns(paths.slice(0, MOST_FILES), async (path) => {
    const file = await github.file(repo, path, sha);
    return { path, workflow: file.ok ? readWorkflow(file.value.text) : undefined };
  });
  const found = read.flatMap(({ path, workflow }) => (workflow ? [{ path, ...workflow }] : []));
  return {
    jobs: found.flatMap(({ path, jobs }) => jobs.map((job) => ({ ...job, path }))),
    computed: found.reduce((sum, { computed }) => sum + computed, 0),
    unread: paths.length - found.length,
  };
}

/** What AWS does not say of a type is taken to be as a job wants it. */
async function capabilities(
  { catalogue, account }: Ask,
  of: { readonly rules: readonly Rule[]; readonly label: string },
): Promise<readonly Capability[]> {
  return inTurns(of.rules, async (rule) => {
    const at = { account: account ?? '', region: rule.region };
    const type = account === null ? null : await catalogue.type(at, rule.type);
    const known = { type: type?.ok ? type.value : null, diskGb: null };
    return capabilityOf(viewOf(rule, known, null), of.label);
  });
}
