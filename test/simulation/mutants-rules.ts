import { type Mutant, mutant } from './mutant.ts';

/** Of what people say: commands, budgets, credentials. */
export const RULES_MUTANTS: readonly Mutant[] = [
  mutant('permits before it is committed', [
    'act/change-rules.ts',
    '    last = draft.file;\n',
    `    last = draft.file;
    {
      const scope = fileScope(repo);
      const now = deps.clock.now();
      const lease = await deps.store.lease({ name: scope, holder: deps.holder, now, ttlMs: LEASE_MS });
      const { rules } = await deps.store.scopeRows(scope);
      if (lease && rules) await deps.store.saveRules(lease, { ...rules, text: draft.text, readAt: now });
      await deps.settled(repo.scope);
    }
`,
  ]),
  mutant('takes away only once it is committed', [
    'act/change-rules.ts',
    'if (mine.length === 0) return NOTHING;',
    'if (mine.length >= 0) return NOTHING;',
  ]),
  mutant('forgets what is held', [
    'act/holds.ts',
    'for (const { restricts } of holds) held = restricted(held, restricts);',
    'for (const { restricts } of holds.slice(0, 0)) held = restricted(held, restricts);',
  ]),
  mutant('lets anybody change the rules', [
    'act/run-command.ts',
    'if (RANK[permission] >= RANK[needs]) return undefined;',
    'if (RANK[permission] >= 0) return undefined;',
  ]),
  mutant('commits a file that nobody can read', [
    'act/change-rules.ts',
    "text: text ?? '',",
    "text: (text ?? '').replace('max:', 'maximum:'),",
  ]),
  mutant(
    'answers a doubled comment twice',
    ['store/memory/events.ts', 'if (state.deliveries.has(delivery.id)) return false;', ''],
    ['act/answer-comment.ts', 'if (answered.value) {', 'if (answered.value === undefined) {'],
  ),
  mutant('drops a command that GitHub did not let it answer', [
    'act/delivery-queue.ts',
    'if (!isDone) return settings.resyncMs / 4;',
    '',
  ]),
  mutant('ignores the budget', [
    'act/budget.ts',
    'if (spent < budgetUsd) return undefined;',
    'if (spent >= 0) return undefined;',
  ]),
  mutant('launches without credentials', [
    'act/look.ts',
    "const account = found && 'account' in found && isReachable ? found.account : null;",
    "const account = !found || !isReachable ? null : 'account' in found ? found.account : 'default';",
  ]),
  mutant('lets an own file permit more than the owner does', [
    'act/govern.ts',
    "if (owner.file.ownRules === 'within') return theirs;",
    "if (owner.file.ownRules === 'within' && !ownOf(repo).file) return theirs;",
  ]),
  mutant(
    'forgets the maximum of an own file',
    [
      'act/own-views.ts',
      'maxima: Object.fromEntries([...its.rules].map(([id, { max }]) => [id, max])),',
      'maxima: Object.fromEntries([...its.rules].map(([id]) => [id, 99])),',
    ],
    ['act/prepare.ts', 'repoMax: its?.max ?? null', 'repoMax: null'],
  ),
  mutant('moves a repository whether or not its machines fit', [
    'act/move-repos.ts',
    'deps.store.moveRepo(lease, { repo: repo.id, to, maxima })',
    'deps.store.moveRepo(lease, { repo: repo.id, to, maxima: new Map(rows.instances.map((one) => [one.rule, 99])) })',
  ]),
  mutant("forgets what is held of a repository under its owner's rules", [
    'act/govern.ts',
    'holds: holdsIn(repoScope(one.id))',
    'holds: []',
  ]),
];
