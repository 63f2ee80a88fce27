import { findCommands } from '../commands/find.ts';
import { markerOf, replyMarkdown } from '../commands/reply.ts';
import type { Permission, Reaction } from '../github/port.ts';
import type { Instant } from '../lib/clock.ts';
import type { Comment } from '../model/event.ts';
import { isGood, type Outcome } from '../model/outcome.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Repo } from '../model/repo.ts';
import type { ChangeDeps } from './change-rules.ts';
import { type Asker, runLine } from './run-command.ts';

const MINUTE_MS = 60_000;
/** An old wish may not be one any more: after that a command changes nothing. */
const TOO_OLD_MS = 15 * MINUTE_MS;
const ONE_REFUSAL_MS = 60 * MINUTE_MS;

export interface AnswerDeps extends ChangeDeps {
  /** When this process began. */
  readonly startedAt: Instant;
}

/**
 * Answers the commands of a comment: eyes at once, one reply with a section for each, then rocket or
 * confused. False when GitHub did not let us: then it is tried again, and nothing is said twice.
 */
export async function answerComment(
  deps: AnswerDeps,
  of: {
    readonly repo: Repo;
    readonly comment: Comment;
    /** No other process has taken it over while this one slept. */
    readonly isStillOurs: () => Promise<boolean>;
  },
): Promise<boolean> {
  const { repo, comment } = of;
  const { commands, leftOut } = findCommands(comment.body);
  if (commands.length === 0) return true;
  const eyes = await deps.talk.react(repo, comment.id, 'eyes');
  if (!eyes.ok && eyes.reason === 'missing') return true;
  const answered = await isAnswered(deps, of);
  if (!answered.ok) return false;
  if (answered.value) {
    const content = (await deps.store.fact(answeringKey(comment)))?.value;
    await endWith(deps, of, { eyes: eyes.ok ? eyes.value.id : undefined, content });
    return true;
  }
  const permission = await permissionOf(deps, of);
  if (!permission.ok) return false;
  const asker: Asker = {
    repo,
    door: 'comment',
    login: comment.login,
    permission: permission.value,
    url: comment.url,
  };
  const lines = commands.map(({ text }) => text);
  const outcomes = isTooOld(deps, comment) ? [TOO_OLD] : await runAll(deps, asker, lines);
  const content: Reaction = leftOut === 0 && outcomes.every(isGood) ? 'rocket' : 'confused';
  if (!(await isSilent(deps, of, { outcomes, permission: permission.value }))) {
    if (!(await of.isStillOurs())) return false;
    await deps.store.saveFact(answeringKey(comment), content, deps.clock.now());
    const body = replyMarkdown({ comment: comment.id, outcomes, leftOut });
    const said = await deps.talk.comment(repo, comment.issue, body);
    if (!said.ok && said.reason !== 'denied' && said.reason !== 'missing') return false;
  }
  await endWith(deps, of, { eyes: eyes.ok ? eyes.value.id : undefined, content });
  return true;
}

/** What it is to end with, once an answer was made; empty before. */
const answeringKey = ({ id }: Comment): string => `answering:${id}`;

async function runAll(
  deps: ChangeDeps,
  asker: Asker,
  lines: readonly string[],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  // In their order, and a refused one does not stop the others.
  for (const line of lines) outcomes.push(await runLine(deps, asker, line));
  return outcomes;
}

const isTooOld = (deps: ChangeDeps, { createdAt }: Comment): boolean =>
  deps.clock.now() - createdAt > TOO_OLD_MS;

const TOO_OLD: Outcome = {
  kind: 'refused',
  text: 'This came more than 15 minutes after it was written, so it was not run. Say it again if it still holds.',
};

/**
 * After a crash the same comment comes again: our own answer may stand there already. Whoever wrote it
 * before this process began may have had it from one whose database is lost. While GitHub does not say,
 * nobody knows, and it is not said twice.
 */
async function isAnswered(
  deps: AnswerDeps,
  { repo, comment }: { readonly repo: Repo; readonly comment: Comment },
): Promise<Reply<boolean>> {
  const key = answeringKey(comment);
  const { issue, createdAt: since, id } = comment;
  const isSecondTry = (await deps.store.fact(key)) !== null;
  if (!isSecondTry) await deps.store.saveFact(key, '', deps.clock.now());
  if (!isSecondTry && since > deps.startedAt) return done(false);
  const found = await deps.talk.findComment(repo, { issue, marker: markerOf(id), since });
  if (found.ok) return done(found.value !== null);
  // Whoever may not read the thread has said nothing there.
  return found.reason === 'denied' || found.reason === 'missing' ? done(false) : found;
}

/**
 * Anybody can make us talk in a public repository: for a person and thread one permission is read and
 * one refusal said in an hour, then there is only the reaction. Who may write is asked for each time.
 */
async function permissionOf(
  deps: ChangeDeps,
  of: { readonly repo: Repo; readonly comment: Comment },
): Promise<Reply<Permission>> {
  const last = await lastRefusal(deps, of);
  return last ? done(last) : deps.talk.permission(of.repo, of.comment.login);
}

type InThread = { readonly repo: Repo; readonly comment: Comment };

const refusalKey = ({ repo, comment }: InThread): string =>
  `refused:${repo.id}:${comment.issue}:${comment.login}`;

/** The permission that was too little within the last hour. */
async function lastRefusal(deps: ChangeDeps, of: InThread): Promise<Permission | undefined> {
  const last = await deps.store.fact(refusalKey(of));
  if (!last || deps.clock.now() - last.at >= ONE_REFUSAL_MS) return undefined;
  return last.value === 'read' ? 'read' : 'none';
}

async function isSilent(
  deps: ChangeDeps,
  of: InThread,
  { outcomes, permission }: { outcomes: readonly Outcome[]; permission: Permission },
): Promise<boolean> {
  if (permission === 'write' || permission === 'admin') return false;
  if (!outcomes.every((one) => one.kind === 'refused')) return false;
  if (await lastRefusal(deps, of)) return true;
  await deps.store.saveFact(refusalKey(of), permission, deps.clock.now());
  return false;
}

async function endWith(
  deps: ChangeDeps,
  { repo, comment }: { readonly repo: Repo; readonly comment: Comment },
  // Where a database was lost nobody knows what the answer was.
  of: { readonly eyes: number | undefined; readonly content: string | undefined },
): Promise<void> {
  if (of.content === 'rocket' || of.content === 'confused') {
    await deps.talk.react(repo, comment.id, of.content);
  }
  if (of.eyes !== undefined) await deps.talk.unreact(repo, comment.id, of.eyes);
}
