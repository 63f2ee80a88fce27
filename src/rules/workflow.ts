import { isMap, isScalar, isSeq, LineCounter, type Node } from 'yaml';
import type { RulesPlace } from '../model/rules.ts';
import { parseYaml, place, scalarOf, spanOf } from './source.ts';

/** A job of a workflow whose `runs-on` is written out. */
export interface WrittenJob {
  readonly name: string;
  readonly labels: readonly string[];
  /** Of its `runs-on`. */
  readonly place: RulesPlace;
}

export interface Workflow {
  readonly jobs: readonly WrittenJob[];
  /** Jobs whose `runs-on` is known only when they run. */
  readonly computed: number;
}

/** Larger files are not read: this bounds what a hostile one can cost. */
const MAX_BYTES = 256 * 1024;
const MAX_JOBS = 500;
/** GitHub's own limit is lower for all that a runner can have. */
const MAX_LABELS = 100;

/** What a workflow's jobs ask for; undefined when the text is too large, or no YAML. */
export function readWorkflow(text: string): Workflow | undefined {
  if (Buffer.byteLength(text) > MAX_BYTES) return undefined;
  const lines = new LineCounter();
  const document = parseYaml(text, { lines });
  if (document.errors.length > 0) return undefined;
  const jobs: WrittenJob[] = [];
  let computed = 0;
  for (const { key, value } of itemsOf(valueAt(document.contents, 'jobs')).slice(0, MAX_JOBS)) {
    const runsOn = valueAt(value, 'runs-on');
    // A job that calls another workflow has none.
    if (runsOn === undefined) continue;
    const labels = labelsOf(runsOn);
    if (labels === undefined) computed += 1;
    else {
      const at = place(text, lines, spanOf(runsOn));
      jobs.push({ name: String(scalarOf(key)), labels, place: at });
    }
  }
  return { jobs, computed };
}

/**
 * Those names, of jobs as GitHub shows them, whose job may have an `environment`, as far as the file
 * tells: a name may be computed, and another workflow's job is in another file. In doubt it has one.
 */
export function namesWithEnvironment(
  text: string,
  shown: ReadonlySet<string>,
): ReadonlySet<string> {
  if (Buffer.byteLength(text) > MAX_BYTES) return shown;
  const document = parseYaml(text, { lines: new LineCounter() });
  const jobs = itemsOf(valueAt(document.contents, 'jobs'));
  const isRead = document.errors.length === 0 && jobs.length <= MAX_JOBS;
  const mayHaveOne = (name: string): boolean => {
    const its = jobs.filter(({ key, value }) => mayBeShownAs(name, key, value));
    return its.length === 0 || its.some(({ value }) => mayName(value));
  };
  return new Set([...shown].filter((name) => !isRead || mayHaveOne(name)));
}

const mayName = (job: Node | null): boolean =>
  !isMap(job) || valueAt(job, 'uses') !== undefined || valueAt(job, 'environment') !== undefined;

/** Jobs of a matrix are shown as `name (a, b)`. */
function mayBeShownAs(shown: string, key: Node, value: Node | null): boolean {
  const written = valueAt(value, 'name');
  const name = String(scalarOf(written ?? key));
  if (name.includes('${{') || (written !== undefined && !isScalar(written))) return true;
  return shown === name || shown.startsWith(`${name} (`) || shown.startsWith(`${name} / `);
}

const itemsOf = (node: Node | null | undefined) =>
  isMap<Node, Node | null>(node) ? node.items : [];

const valueAt = (node: Node | null | undefined, name: string): Node | undefined =>
  itemsOf(node).find(({ key }) => scalarOf(key) === name)?.value ?? undefined;

/** undefined: an expression, an alias, or a group of runners, in none of which ours are. */
function labelsOf(node: Node): readonly string[] | undefined {
  const nodes = isSeq<Node>(node) ? node.items : [node];
  if (nodes.length > MAX_LABELS) return undefined;
  const labels = nodes.map((one) => (isScalar(one) ? String(one.value) : undefined));
  const isWritten = (label: string | undefined): label is string =>
    label !== undefined && !label.includes('${{');
  return labels.every(isWritten) ? labels : undefined;
}
