import { hourly, span, usd } from '../../src/commands/reply-rules.ts';
import { code } from '../../src/lib/markdown.ts';
import { fieldsOf, idOf, textOf } from '../../src/model/github-json.ts';
import { instanceOfRunner } from '../../src/model/runner-name.ts';
import { ask, type Said } from './ask.ts';
import { FREE_VCPUS, hostedLike, hostedUsd } from './hosted.ts';
import { type Io, isTrouble, type Trouble } from './io.ts';

/** The machine of ours that this job runs on; undefined: none. */
export const ownMachine = ({ env }: Pick<Io, 'env'>): string | undefined =>
  instanceOfRunner(env['RUNNER_NAME'] ?? '');

/** The post step: what the job ran on, as the app knows it. All figures are up to now. */
export async function summarize(io: Io, url: string): Promise<Trouble | undefined> {
  const machine = ownMachine(io);
  if (machine === undefined) return undefined;
  const runners = await ask(io, url, 'runners');
  if (isTrouble(runners)) return runners;
  const job = jobOn(runners, machine);
  if (job === undefined) {
    return { what: `the app does not know yet which job ${machine} runs`, isOutage: true };
  }
  const said = await ask(io, url, `autoscale explain ${job}`);
  if (isTrouble(said)) return said;
  const facts = factsOf(said);
  if (facts) io.runner.summary(markdownOf(facts));
  return facts ? undefined : { what: `the app tells no figures of job ${job}`, isOutage: false };
}

function jobOn({ data }: Said, machine: string): number | undefined {
  const { machines } = data;
  const row = (Array.isArray(machines) ? machines : [])
    .map(fieldsOf)
    .find(({ id }) => id === machine);
  return idOf(fieldsOf(row?.['job'])['id']);
}

/** What the app says of the job, and the token of the repository. */
interface Facts {
  readonly machine: string;
  readonly where: string;
  readonly priceUsd: number | null;
  readonly waitedMs: number;
  readonly ranMs: number;
  readonly usd: number;
  /** null: not known, or with a graphics card, which GitHub's runners of that size have not. */
  readonly shape: { readonly arch: 'x64' | 'arm64'; readonly vcpus: number } | null;
  readonly isPublic: boolean | null;
}

const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

function factsOf({ data, claims }: Said): Facts | undefined {
  const [told]: unknown[] = Array.isArray(data['told']) ? data['told'] : [];
  const { machine, waitedMs, ranMs } = fieldsOf(told);
  const { id, type, market, zone, priceUsd, usd: cost, shape } = fieldsOf(machine);
  const [waited, ran, spent] = [numberOf(waitedMs), numberOf(ranMs), numberOf(cost)];
  const name = textOf(id);
  if (!name || waited === undefined || ran === undefined || spent === undefined) return undefined;
  const { repository_visibility: visibility } = claims;
  return {
    machine: name,
    where: `${textOf(type) ?? '?'} ${textOf(market) ?? '?'}, ${textOf(zone) ?? '?'}`,
    priceUsd: numberOf(priceUsd) ?? null,
    waitedMs: waited,
    ranMs: ran,
    usd: spent,
    shape: shapeOf(fieldsOf(shape)),
    isPublic: typeof visibility === 'string' ? visibility === 'public' : null,
  };
}

function shapeOf({ arch, vcpus, gpus }: Readonly<Record<string, unknown>>): Facts['shape'] {
  const count = numberOf(vcpus);
  if (count === undefined || gpus !== null || (arch !== 'x64' && arch !== 'arm64')) return null;
  return { arch, vcpus: count };
}

function markdownOf(facts: Facts): string {
  const { machine, where, priceUsd, waitedMs, ranMs } = facts;
  const cells = [
    `${code(machine)} ${where}`,
    hourly(priceUsd),
    span(waitedMs),
    span(ranMs),
    priceUsd === null ? '?' : usd(facts.usd),
  ];
  return [
    '### Machine of this job',
    '',
    '| Machine | Price | Waited | Ran so far | Cost so far |',
    '|---|--:|--:|--:|--:|',
    `| ${cells.join(' | ')} |`,
    '',
    ...comparison(facts),
  ].join('\n');
}

/** Beside GitHub's own runner of at least that size; nothing where there is none to compare with. */
function comparison({ shape, isPublic, ranMs, priceUsd, usd: spent }: Facts): readonly string[] {
  if (shape === null || isPublic === null || priceUsd === null) return [];
  if (isPublic && shape.vcpus <= FREE_VCPUS) {
    return [`GitHub's runner with ${FREE_VCPUS} vCPUs is free for a public repository.`];
  }
  const hosted = hostedLike(shape);
  if (!hosted) return [];
  const theirs = hostedUsd(hosted, ranMs);
  const saved = theirs - spent;
  const head = `GitHub's runner with ${hosted.vcpus} vCPUs, at ${usd(hosted.usdPerMinute)} a minute, would have cost ${usd(theirs)}:`;
  return [`${head} **${usd(Math.abs(saved))} ${saved < 0 ? 'less' : 'more'}**.`];
}
