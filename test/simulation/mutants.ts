import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Mutant, mutant } from './mutant.ts';
import { CAPACITY_MUTANTS } from './mutants-capacity.ts';
import { RERUNS_MUTANTS } from './mutants-reruns.ts';
import { RULES_MUTANTS } from './mutants-rules.ts';

// Known bugs, each a small patch of a copy of the source. What the simulation does not find of them
// is a hole in it. Two defences that hide each other are removed together.

const ROOT = join(import.meta.dirname, '..', '..');
/** Below the project, so that packages are found, and where git and the linter do not look. */
const COPIES = join(ROOT, 'data', 'mutants');

/** No claim of a lease is checked any more: neither in the store nor before a call. */
const IGNORES_FENCE = [
  'store/memory/leases.ts',
  'return held?.holder === holder && held.fence === fence;',
  'return held !== undefined || holder !== String(fence);',
] as const;
const IGNORES_TIME = [
  'act/deps.ts',
  'now + LONGEST_CALL_MS < lease.until;',
  'now + LONGEST_CALL_MS < lease.until + 3_600_000;',
] as const;
const COUNTS_NOTHING = [
  'store/memory/launches.ts',
  'cutToMax(fresh, liveIn(state), now)',
  'cutToMax(fresh, { byRule: new Map(), byRepo: new Map() }, now)',
] as const;
const SWEEPS_NOTHING = [
  'act/sweep.ts',
  'const listed = await deps.github.unfinishedJobs(repo);',
  "const listed = { ok: false, code: 'not asked' };",
] as const;
const REDELIVERS_NOTHING = [
  'act/redeliver.ts',
  'const failed = await github.failedDeliveries(state.since);',
  "const failed = { ok: false, code: 'not asked' };",
] as const;

const LIFE_MUTANTS: readonly Mutant[] = [
  mutant('skips the intent row', [
    'act/launch.ts',
    'const launches = await deps.store.intend(lease, intents, now);',
    `const launches = intents.map(({ max: _, sendAt, ...one }) => ({
      ...one, count: one.request.count, createdAt: now, outcome: 'unknown', tries: 0, retryAt: sendAt,
    }));`,
  ]),
  {
    ...mutant(
      'counts in the plan only, and ignores a stale lease everywhere',
      COUNTS_NOTHING,
      IGNORES_FENCE,
      IGNORES_TIME,
    ),
    blindTo: ['stale-write', 'stale-call', 'one-holder', 'one-answer'],
  },
  mutant(
    'counts nowhere: the plan takes every place as free',
    COUNTS_NOTHING,
    ['plan/rule-facts.ts', 'Math.max(0, Math.min(rule.max, most) - live.length)', 'rule.max'],
    [
      'plan/facts.ts',
      'return Math.max(0, mostOf(facts, its, repo) - (its.inUse.get(repo) ?? 0));',
      'return mostOf(facts, its, repo);',
    ],
  ),
  mutant(
    'counts what lives of each repository apart, where an owner’s maximum is for all',
    [
      'store/merge/launch.ts',
      'const before = byRule.get(ruleKey(intent)) ?? 0;',
      'const before = byRepo.get(repoKey(intent)) ?? 0;',
    ],
    ['plan/rule-facts.ts', 'Math.max(0, Math.min(rule.max, most) - live.length)', 'rule.max'],
  ),
  mutant('takes a new token for a retry', [
    'act/send.ts',
    'deps.accounts.ec2(launch.account, launch.region).launch(request);',
    `deps.accounts.ec2(launch.account, launch.region).launch({
      ...request, clientToken: request.clientToken.slice(0, 60) + launch.tries,
    });`,
  ]),
  mutant('tries another zone under the same token', [
    'act/send.ts',
    'const answer = await deps.accounts.ec2(launch.account, launch.region).launch(request);',
    `const subnets = await deps.catalogue.subnets(launch, []);
  const others = subnets.ok ? subnets.value.filter(({ zone }) => zone !== request.zone) : [];
  const other = launch.tries > 0 ? others[launch.tries % others.length] : undefined;
  const answer = await deps.accounts.ec2(launch.account, launch.region).launch(
    other ? { ...request, zone: other.zone, subnet: other.id } : request,
  );`,
  ]),
  mutant("trusts the webhook's order", [
    'store/merge/job.ts',
    'if (step > 0) return moved(old, said);',
    'if (step !== 0) return moved(old, said);',
  ]),
  mutant('ends an idle machine without deleting its runner first', [
    'act/end.ts',
    'return removeIdle(deps, lease, claimed);',
    'return claimed;',
  ]),
  mutant('ignores a stale lease in the store', IGNORES_FENCE),
  mutant('calls EC2 however old its lease is', IGNORES_TIME),
  mutant('ignores a stale lease everywhere', IGNORES_FENCE, IGNORES_TIME),
  mutant('adopts nothing after a restart', [
    'store/merge/listing.ts',
    'const { listing, repos } = work;',
    'const { listing, repos } = work; if (repos) return;',
  ]),
  mutant('takes a young NotFound for gone', [
    'act/region.ts',
    'const MISSING_GRACE_MS = 5 * 60_000;',
    'const MISSING_GRACE_MS = 0;',
  ]),
  mutant('believes one 404', [
    'act/read-rules.ts',
    'if (rules?.text === null && rules.readAt > 0) return true;',
    'if (readable.ok) return true;',
  ]),
  mutant(
    'frees a place on our own word',
    [
      'plan/facts.ts',
      'const live = groupBy(instances, (instance) => instance.rule);',
      "const live = groupBy(instances.filter(({ state }) => state !== 'ending'), (one) => one.rule);",
    ],
    [
      'store/memory/launches.ts',
      "countLive(where(state.instances, (row) => row.state !== 'gone'))",
      "countLive(where(state.instances, (row) => row.state !== 'gone' && row.state !== 'ending'))",
    ],
  ),
  mutant(
    'counts a doubled webhook twice',
    ['store/memory/events.ts', 'if (state.deliveries.has(delivery.id)) return false;', ''],
    [
      'store/merge/event.ts',
      'const old = work.jobs.get(said.id);',
      `const first = work.jobs.get(said.id);
  const isDouble = first?.state === 'queued' && said.state === 'queued' && first.queuedAt > 0;
  const id = isDouble ? said.id + 5e14 : said.id;
  const old = work.jobs.get(id);
  if (isDouble) said = { ...said, id };`,
    ],
  ),
  mutant('forgets the unknown outcome', [
    'act/send.ts',
    'await store.sent(launch.id, nextAt);',
    "await store.settle(launch.id, { outcome: 'failed', code, reason: code, lease }, clock.now());",
  ]),
  mutant('launches before the first full look', [
    'act/region.ts',
    'if (isOpenIn(look)) return undefined;',
    'if (look !== null) return undefined;',
  ]),
  mutant('leaves the runners of ended machines registered', [
    'act/end.ts',
    'if (!(await isForgotten(deps, { instance, repo, find, askedAt }))) return;',
    'if (repo) return;',
  ]),
  mutant('does not name a runner before it is made', [
    'gateway/register.ts',
    'if (!(await set({ runnerName: name, runnerId: null }))) return tooLate(deps, instance);',
    '',
  ]),
  mutant(
    'registers a machine that is about to end',
    [
      'gateway/register.ts',
      "from: ['pending'], patch, isUnregistered: true });",
      "from: ['pending', 'ending', 'gone'], patch, isUnregistered: true });",
    ],
    [
      'gateway/register.ts',
      "if (instance.state === 'ending' || instance.state === 'gone') return gone('ending');",
      '',
    ],
  ),
  mutant('lets a late word bring an old installation back', [
    'store/merge/event.ts',
    'if (isLate) return keepSame(old, { ...old, heardAt });',
    '',
  ]),
  mutant("takes other people's jobs for demand", [
    'act/sweep.ts',
    'listed.value.filter((job) => isOurs(job.labels, deps.settings.label));',
    'listed.value.filter((job) => deps.settings.label || isOurs(job.labels, "x"));',
  ]),
  mutant('never reads the rules again', [
    'act/sweep-scope.ts',
    'const files = await sweepRules(healer, lease, { rows, repos });',
    'const files: readonly ScopeId[] = [];',
  ]),
  mutant('reads the same rules for ever', [
    'act/read-rules.ts',
    'readAt: read.askedAt, wantedCommit: commit };',
    'readAt: read.askedAt, wantedCommit: null };',
  ]),
  mutant('sweeps nothing', SWEEPS_NOTHING),
  mutant('neither sweeps nor asks to deliver again', SWEEPS_NOTHING, REDELIVERS_NOTHING),
  mutant('launches where strangers live, before it knows its repositories', [
    'act/region.ts',
    'const areTold = seen.strangers.length === 0 || (await isDiscovered(deps, askedAt));',
    'const areTold = true;',
  ]),
  mutant(
    'ends strangers at first sight, before it knows its repositories',
    ['act/region.ts', 'if (!(await store.fact(DISCOVERED))) return;', ''],
    [
      'act/region.ts',
      'if (!first) await store',
      'if (!first) due.push(id);\n    if (!first) await store',
    ],
  ),
  mutant('takes a machine for idle whatever GitHub says', [
    'act/end.ts',
    "if (dropped === 'busy') await change(",
    "if (dropped === 'busy') return instance;\n  if (dropped === 'busy') await change(",
  ]),
  mutant('never ends what does not register', [
    'plan/ends.ts',
    'if (registersBy(instance, facts.registerTime) > facts.now) return null;',
    'if (facts) return null;',
  ]),
  mutant(
    'lets a second process register over the first, and knows runners by their ids only',
    ['gateway/register.ts', 'patch, isUnregistered: true });', 'patch });'],
    [
      'act/end.ts',
      "if (runnerName === null) return 'unclear';",
      "if (runnerName === null || runnerId !== null) return 'unclear';",
    ],
  ),
  mutant('asks for a failed webhook again and again', [
    'act/redeliver.ts',
    'const MOST_TRIES = 3;',
    'const MOST_TRIES = 300;',
  ]),
  mutant('heals three times as often', [
    'loop.ts',
    'return settings.resyncMs;',
    'return settings.resyncMs / 3;',
  ]),
  mutant('sends a launch again at once', [
    'act/send.ts',
    'Math.min(60_000, 500 * 2 ** Math.min(tries, 10)) * (0.5 + chance / 2);',
    'tries * chance * 0;',
  ]),
  mutant('does not say why a job waits', [
    'reconcile.ts',
    'if (changed.length === 0) return;',
    'if (changed.length >= 0) return;',
  ]),
  mutant("draws its jitter from the machine's chance", [
    'act/send.ts',
    'backoffMs(launch.tries, deps.random.unit())',
    'backoffMs(launch.tries, Math.random())',
  ]),
  mutant('never sends an unknown launch again, nor settles it', [
    'plan/unknown.ts',
    'const open = facts.world.launches.filter((launch) => isDue(launch) || isInLine(facts, launch));',
    'const open = facts.world.launches.filter(({ retryAt }) => retryAt < 0);',
  ]),
];

export const MUTANTS: readonly Mutant[] = [
  ...LIFE_MUTANTS,
  ...RULES_MUTANTS,
  ...CAPACITY_MUTANTS,
  ...RERUNS_MUTANTS,
];

/** Makes the copy with the bug in it; fails where a patch no longer fits, so that none is lost. */
export function plant({ name, edits }: Mutant): URL {
  const folder = join(COPIES, name.replace(/\W+/g, '-'));
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(ROOT, 'src'), join(folder, 'src'), { recursive: true });
  for (const { file, find, put } of edits) {
    const path = join(folder, 'src', file);
    const parts = readFileSync(path, 'utf8').split(find);
    if (parts.length !== 2) {
      throw new Error(`mutant "${name}": ${file} has this ${parts.length - 1} times: ${find}`);
    }
    writeFileSync(path, parts.join(put));
  }
  return pathToFileURL(join(folder, 'src', '/'));
}
