import type {
  NotLetIn,
  Permission,
  Talk,
  Visitor,
  Visitors,
  Workflow,
  Workflows,
} from '../github/port.ts';
import type { Clock } from '../lib/clock.ts';
import type { Request } from '../lib/http.ts';
import type { Log } from '../lib/log.ts';
import type { Turns } from '../lib/turns.ts';
import type { Door } from '../model/command.ts';
import type { Refused } from '../model/reply.ts';
import type { Repo } from '../model/repo.ts';
import type { Store } from '../store/port.ts';
import { createCalls, createGate, createQuestions, isTurned, type Turned } from './limits.ts';

// Who asks over HTTP, and what they may do: a person with a token of GitHub, or a run of a workflow
// with its OIDC token. How often, is for limits.ts.

export interface CallersDeps {
  readonly visitors: Visitors;
  /** null: PUBLIC_URL is not set, so no token can be for us. */
  readonly workflows: Workflows | null;
  readonly github: Pick<Talk, 'permission'>;
  readonly store: Pick<Store, 'repo' | 'noteEvents'>;
  readonly htmlUrl: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Caller {
  readonly repo: Repo;
  readonly door: Door;
  readonly login: string;
  readonly permission: Permission;
  /** Of the run that asks; '' for a person. */
  readonly url: string;
  /** Why a command that changes rules is refused; undefined: nothing is against it. */
  readonly mayNotChange?: { readonly why: string; readonly text: string };
}

export type Callers = (
  request: Request,
  token: string,
  repository: string,
) => Promise<Caller | Turned>;

export function createCallers(given: CallersDeps): Callers {
  const deps = { ...given, questions: createQuestions() };
  const gate = createGate<Known>(deps.clock);
  const calls = createCalls(deps.clock);
  return async (request, token, repository) => {
    // The token of a workflow is judged here: GitHub is not asked about it.
    const found = await (isJwt(token)
      ? findWorkflow(deps, token, repository)
      : gate(request, `${token} ${repository.toLowerCase()}`, () =>
          findPerson(deps, token, repository),
        ));
    if (isTurned(found)) return found;
    return calls(found.key) ?? found.enter();
  };
}

/** The beginning of every JSON Web Token, and of no token of GitHub's for people. */
const isJwt = (token: string): boolean => token.startsWith('eyJ');

type Deps = CallersDeps & { readonly questions: Turns };

interface Known {
  /** Whom calls are counted for. */
  readonly key: string;
  readonly enter: () => Promise<Caller | Turned>;
}

async function findPerson(deps: Deps, token: string, repository: string): Promise<Known | Turned> {
  const visitor = await deps.visitors.visitor(token, repository);
  if (!visitor.ok) return turned(visitor);
  const repo = await deps.store.repo(visitor.repo.id);
  if (!repo || repo.removedAt !== null) return notInstalled(repository);
  if (repo.ownerId !== visitor.repo.ownerId) return moved(repository);
  return { key: `user-${visitor.user.id}`, enter: () => enterPerson(deps, repo, visitor) };
}

const RANK: Readonly<Record<Permission, number>> = { none: 0, read: 1, write: 2, admin: 3 };

async function enterPerson(deps: Deps, repo: Repo, visitor: Visitor) {
  const { login, id } = visitor.user;
  const permission = await deps.questions(`user-${id}`, () => deps.github.permission(repo, login));
  if (!permission.ok) return outage(permission);
  const [own, most] = [permission.value, visitor.most];
  const isNarrower = RANK[most] < RANK[own];
  const caller: Caller = {
    ...{ repo, login, door: 'http', url: '' },
    permission: isNarrower ? most : own,
    ...(isNarrower && most === 'read' ? { mayNotChange: READ_ONLY } : {}),
  };
  return caller;
}

const READ_ONLY = {
  why: 'token-reads',
  text: 'The token may only read this repository: give it "Contents: read and write", or sign in with dstack login.',
};

async function findWorkflow(
  deps: CallersDeps,
  token: string,
  repository: string,
): Promise<Known | Turned> {
  if (!deps.workflows) {
    const text = 'no OIDC token can be for this app: whoever runs it sets PUBLIC_URL';
    return { status: 503, why: 'no-public-url', message: text };
  }
  const workflow = await deps.workflows.workflow(token);
  if (!workflow.ok) return turned(workflow);
  if (workflow.repository.toLowerCase() !== repository.toLowerCase()) {
    const text = `the OIDC token is of ${workflow.repository}, not of ${repository}`;
    return { status: 403, why: 'oidc-repository', message: text };
  }
  const repo = await deps.store.repo(workflow.repo);
  if (!repo || repo.removedAt !== null) return notInstalled(repository);
  if (repo.ownerId !== workflow.ownerId) return moved(repository);
  const key = `repo-${repo.id}`;
  return { key, enter: () => enterWorkflow(deps, repo, workflow) };
}

async function enterWorkflow(deps: CallersDeps, repo: Repo, workflow: Workflow) {
  const [isNew = false] = await deps.store.noteEvents('oidc', [workflow.id], deps.clock.now());
  if (!isNew) {
    const message = 'this OIDC token was shown before: ask for a new one for each call';
    return { status: 401, why: 'oidc-replayed', message } as const;
  }
  const mayNotChange = whyNotChange(repo, workflow);
  const caller: Caller = {
    repo,
    door: 'action',
    login: workflow.actor,
    // Whoever may start a run on the default branch may write there.
    permission: 'write',
    url: `${deps.htmlUrl}/${repo.owner}/${repo.name}/actions/runs/${workflow.run}`,
    ...(mayNotChange ? { mayNotChange } : {}),
  };
  return caller;
}

/** Events that others than writers can bring about, in a run that is on the default branch. */
const EVENTS_OF_OTHERS = /^(?:pull_request.*|issue_comment|workflow_run)$/;

function whyNotChange({ defaultBranch, name }: Repo, { event, ref }: Workflow) {
  if (EVENTS_OF_OTHERS.test(event)) {
    const text = `A run of the event ${event} may not change rules: others than writers can start it.`;
    return { why: 'oidc-event', text };
  }
  if (ref !== `refs/heads/${defaultBranch}`) {
    const text = `Only a run on the branch ${defaultBranch} may change rules; this one is on ${ref}.`;
    return { why: 'oidc-branch', text };
  }
  if (name.toLowerCase() !== '.github') return undefined;
  return { why: 'oidc-owner', text: "No workflow may change an owner's rules: people do that." };
}

const STATUS_OF: Readonly<Partial<Record<NotLetIn['why'], Turned['status']>>> = {
  scope: 403,
  'other-app': 403,
  'installation-token': 403,
  'no-client': 503,
  repository: 404,
  github: 503,
};

const turned = ({ why, message }: NotLetIn): Turned => ({
  status: STATUS_OF[why] ?? 401,
  why,
  message,
});

const outage = ({ code }: Refused): Turned => ({
  status: 503,
  why: 'github',
  message: `GitHub does not say now who may (${code}): try again`,
});

const notInstalled = (repository: string): Turned => ({
  status: 404,
  why: 'not-installed',
  message: `the App is not installed on ${repository}: install it there, then try again in a minute`,
});

const moved = (repository: string): Turned => ({
  status: 409,
  why: 'moved',
  message: `${repository} has another owner than this app knows of: try again in some minutes`,
});
