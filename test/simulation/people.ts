import { markerOf } from '../../src/commands/reply.ts';
import { ownerScope, type RepoId } from '../../src/model/ids.ts';
import { isHome } from '../../src/model/repo.ts';
import { parseRules } from '../../src/rules/parse.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { botOf } from '../../src/sandbox/github-talk-state.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import { fileAt, type Owners } from './owners.ts';
import type { Who } from './scenario.ts';

// People who say by comment what is allowed, and what is promised of it: only who may changes the
// file, the file stays one that can be read, and a comment is answered once.

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
  checkEnd(): void;
}

export interface PeopleDeps {
  readonly kernel: Kernel;
  readonly github: GitHubModel;
  readonly owners: Owners;
}

export function createPeople({ kernel, github, owners }: PeopleDeps): People {
  const threads = new Map<RepoId, number>();
  const said: { readonly repo: Repo; readonly id: number; readonly issue: number }[] = [];

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
      said.push({ repo, id, issue });
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
    checkEnd() {
      const bot = botOf(github.state);
      for (const { repo, id } of said) {
        const answers = [...repo.talk.comments.values()].filter(
          ({ by, body }) => by === bot && body.includes(markerOf(id)),
        );
        const text = `comment ${id} got ${answers.length} answers`;
        kernel.invariant(answers.length <= 1, 'one-answer', text);
        if (answers.length > 0) kernel.mark('command answered');
      }
    },
  };
}
