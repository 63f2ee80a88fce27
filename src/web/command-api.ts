import { parseCommand } from '../commands/parse.ts';
import { sectionMarkdown } from '../commands/reply.ts';
import { sectionText } from '../commands/reply-text.ts';
import { COMMANDS } from '../commands/table.ts';
import { type Answer, failure, jsonObject, type Request, type Routes } from '../lib/http.ts';
import { fieldsOf } from '../model/github-json.ts';
import { isGood, type Outcome } from '../model/outcome.ts';
import { isSecure } from './accounts-api.ts';
import { type Caller, type CallersDeps, createCallers } from './callers.ts';
import { answerTurned, isTurned, type Turned } from './limits.ts';

// POST /api/v1/command: one line of the grammar, for the CLI, the Action and scripts. Every answer
// has `ok`; who is not let in gets `error` too, with a code that metrics count.

export interface CommandApiDeps extends CallersDeps {
  /** Runs the line for the caller. */
  readonly run: (caller: Omit<Caller, 'mayNotChange'>, line: string) => Promise<Outcome>;
  readonly publicUrl: string | null;
  /** Counts a refusal, for /metrics. */
  readonly refused: (why: string) => void;
}

export const COMMAND_PATH = '/api/v1/command';
/** A command has at most 1,000 characters. */
const BODY_LIMIT_BYTES = 16 * 1024;
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/;

export function commandRoutes(deps: CommandApiDeps): Routes {
  const callers = createCallers(deps);
  return {
    [`POST ${COMMAND_PATH}`]: async (request) => {
      const answer = await answerTo({ ...deps, callers }, request);
      return { ...answer, headers: { 'cache-control': 'no-store', ...answer.headers } };
    },
  };
}

type AnswerDeps = CommandApiDeps & { readonly callers: ReturnType<typeof createCallers> };

async function answerTo(deps: AnswerDeps, request: Request): Promise<Answer> {
  if (!isSecure(request, deps.publicUrl)) {
    return turnAway(deps, { status: 403, why: 'http', message: HTTPS });
  }
  const token = /^(?:bearer|token) (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return turnAway(deps, { status: 401, why: 'no-token', message: TOKEN });
  const body = await jsonObject(request, BODY_LIMIT_BYTES, deps.refused);
  if (!body.ok) return body.answer;
  const { repository, command } = fieldsOf(body.value);
  if (typeof repository !== 'string' || !REPOSITORY.test(repository)) {
    return badShape(deps, 'repository: write OWNER/NAME');
  }
  if (typeof command !== 'string') {
    return badShape(deps, 'command: write a line such as "autoscale info"');
  }
  const caller = await deps.callers(request, token, repository);
  if (isTurned(caller)) return turnAway(deps, caller);
  return runFor(deps, caller, command.trim().replace(/^\/?dstack\s+/, ''));
}

function badShape(deps: AnswerDeps, message: string): Answer {
  deps.refused('shape');
  return failure(400, 'shape', message);
}

const HTTPS = 'tokens are taken over https only: use the https address of the app';
const TOKEN =
  'send a token: authorization: bearer …, of GitHub for a person or the OIDC token of a workflow';

async function runFor(deps: AnswerDeps, caller: Caller, line: string): Promise<Answer> {
  const { mayNotChange, ...asker } = caller;
  const { repo, login, door } = caller;
  if (mayNotChange) {
    const parsed = parseCommand(line, door);
    if (parsed.ok && COMMANDS[parsed.command.name].changes) {
      deps.refused(mayNotChange.why);
      const text = mayNotChange.text;
      return shown({ kind: 'refused', isForbidden: true, text }, mayNotChange.why);
    }
  }
  const outcome = await deps.run(asker, line);
  deps.log.info({ repo: repo.id, login, door, line, outcome: outcome.kind }, 'a command was run');
  const isForbidden = outcome.kind === 'refused' && outcome.isForbidden === true;
  if (isForbidden) deps.refused('permission');
  return shown(outcome, isForbidden ? 'permission' : undefined);
}

/** What a command says is 200, whether it could do it or not; what the caller may not is 403. */
function shown(outcome: Outcome, why?: string): Answer {
  const text = sectionText(outcome);
  const error = why === undefined ? {} : { error: { code: why, message: text.trimEnd() } };
  const markdown = sectionMarkdown(outcome);
  const body = { ok: isGood(outcome), text, markdown, data: outcome, ...error };
  return { status: why === undefined ? 200 : 403, body };
}

function turnAway(deps: AnswerDeps, turned: Turned): Answer {
  deps.refused(turned.why);
  const answer = answerTurned(turned);
  return { ...answer, body: { ok: false, ...Object(answer.body) } };
}
