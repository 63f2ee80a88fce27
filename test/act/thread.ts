import type { Comment } from '../../src/sandbox/github-talk-state.ts';
import { openStage, rulesText, SECOND, type Stage, type StageOptions } from '../stage.ts';

// A conversation with the app in an issue, of the stage's repository where no other is named.

const PATH = '.github/dstack.yml';

export interface Thread {
  readonly number: number;
  /** Says it, lets half a minute pass, and answers the comment and what was replied. */
  say(body: string, by?: string): Promise<{ comment: Comment; reply: string }>;
}

export function thread(stage: Stage, title = 'machines', repo = stage.repo): Thread {
  const { issues } = stage.github;
  const { number } = issues.addIssue(repo, { title });
  return {
    number,
    async say(body, by = 'alice') {
      const before = texts(stage, number, repo).length;
      const comment = issues.addComment(repo, number, body, by);
      await stage.pass(30 * SECOND);
      const reply = texts(stage, number, repo)
        .slice(before + 1)
        .join('\n');
      return { comment, reply };
    },
  };
}

export function texts({ github, repo }: Stage, number: number, at = repo): readonly string[] {
  const all = github.issues.commentsOf(at, number);
  return all.ok ? all.value.map(({ body }) => body) : [];
}

export const fileOf = ({ github, repo }: Stage, ref?: string) =>
  github.repos.fileAt(repo, PATH, ref);
export const commitsOf = ({ github, repo }: Stage) => github.commits.history(repo);

/** With an administrator alice, a writer wendy and a reader rita; mallory is a stranger. */
export async function openTeam(
  rules: string | null = rulesText({ 'm5.large': 4 }),
  options: StageOptions = {},
): Promise<Stage> {
  const stage = await openStage({ ...options, rules });
  const { issues } = stage.github;
  issues.setCollaborator(stage.repo, 'alice', 'admin');
  issues.setCollaborator(stage.repo, 'wendy', 'write');
  issues.setCollaborator(stage.repo, 'rita', 'read');
  return stage;
}
