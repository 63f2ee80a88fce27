import { markerOf } from '../../src/commands/reply.ts';
import type { Instant } from '../../src/lib/clock.ts';
import { ownerScope, type RepoId } from '../../src/model/ids.ts';
import { isHome } from '../../src/model/repo.ts';
import { parseRules } from '../../src/rules/parse.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { botOf, type Comment } from '../../src/sandbox/github-talk-state.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import { fileAt, type Owners } from './owners.ts';
import type { Who } from './scenario.ts';

// People who say by comment what is allowed, and what is promised of it: only who may changes the
// file, the file stays one that can be read, and a comment is answered once.

/** By the end whoever heard a command so long ago has answered it. */
const ANSWERED_MS = 60_000;

const ROLES: Readonly<Record<Who, 'admin' | 'write' | 'read' | null>> = {
  admin: 'admin',
  writer: 'write',
  reader: 'read',
  stranger: null,
};

export interface People {
  /** Answers the comment's id. */
  say(repo: Repo, who: Who, line: string): number;
  /** A push came to some branch: what is new in a rules file is the App's doing, or a merge. */
  looksAtPush(): void;
  /** What nobody has answered yet need not be: the database is lost, or the App is not installed. */
  excuse(): void;
  checkEnd(): void;
}

interface Said {
  readonly repo: Repo;
  readonly who: Who;
  readonly id: number;
}

export interface PeopleDeps {
  readonly kernel: Kernel;
  readonly github: GitHubModel;
  readonly owners: Owners;
}

export function createPeople({ kernel, github, owners }: PeopleDeps): People {
  const threads = new Map<RepoId, number>();
  const said: Said[] = [];
  const excused = new Set<number>();

  const threadOf = (repo: Repo): number => {
    const known = threads.get(repo.id);
    if (known !== undefined) return known;
    const { number } = github.issues.addIssue(repo, { title: 'Runners' });
    threads.set(repo.id, number);
    for (const who of ['admin', 'writer', 'reader'] as const) {
      github.issues.setCollaborator(repo, who, ROLES[who]);
    }
    return number;
  };

  const answersTo = ({ talk }: Repo, id: number): number => {
    const bot = botOf(github.state);
    const isIts = ({ by, body }: Comment) => by === bot && body.includes(markerOf(id));
    return [...talk.comments.values()].filter(isIts).length;
  };

  const checkChange = (repo: Repo, text: string) => {
    const head = repo.commits.get(repo.branches.get(repo.defaultBranch) ?? '');
    const by = /^Asked for by @(\w+)/m.exec(head?.message ?? '')?.[1];
    // An owner's file is for all of theirs: it takes more than to write there.
    const mayCommit = by === undefined || by === 'admin' || (by === 'writer' && !isHome(repo));
    kernel.invariant(mayCommit, 'permission', `${by} changed the rules of ${repo.name}`);
    const parsed = parseRules(text);
    const what = parsed.ok ? '' : parsed.errors.map(({ message }) => message).join('; ');
    kernel.invariant(parsed.ok, 'file-valid', `the rules of ${repo.name}: ${what}`);
    kernel.mark('rules changed by command');
    if (isHome(repo)) kernel.mark("owner's rules changed by command");
    else if (owners.governs(repo) === ownerScope(repo.owner.id)) {
      kernel.mark('own file changed by command');
    }
  };

  return {
    say(repo, who, line) {
      const issue = threadOf(repo);
      const { id } = github.issues.addComment(repo, issue, `/dstack ${line}`, who);
      kernel.mark(`command by ${who}`);
      said.push({ repo, who, id });
      return id;
    },
    looksAtPush() {
      for (const repo of github.state.repos.values()) {
        const text = fileAt(github, repo);
        if (text === owners.textOf(repo)) continue;
        owners.wrote(repo, text);
        if (text !== null) checkChange(repo, text);
      }
    },
    excuse() {
      for (const { id } of said) excused.add(id);
    },
    checkEnd() {
      const heard = heardIn(github, kernel.now() - ANSWERED_MS);
      for (const { repo, who, id } of said) {
        const answers = answersTo(repo, id);
        const text = `comment ${id} got ${answers} answers`;
        kernel.invariant(answers <= 1, 'one-answer', text);
        // Who may not write is refused once an hour, and then by a reaction alone.
        const isOwed = (who === 'admin' || who === 'writer') && heard.has(id) && !excused.has(id);
        kernel.invariant(!isOwed || answers === 1, 'no-answer', text);
        if (isOwed) kernel.mark('command owed an answer');
        if (answers > 0) kernel.mark('command answered');
      }
    },
  };
}

/** Comments whose webhook the app took, the first or another time, before then. */
function heardIn({ hooks }: GitHubModel, before: Instant): ReadonlySet<number> {
  const ids = hooks.deliveries().flatMap(({ event, statusCode, at, payload }) => {
    const isHeard = event === 'issue_comment' && statusCode === 202 && at < before;
    return isHeard ? [(payload as { readonly comment: { readonly id: number } }).comment.id] : [];
  });
  return new Set(ids);
}
