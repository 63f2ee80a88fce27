import type { Job, JobSpec, Repo } from '../../src/sandbox/github-state.ts';
import { createStage, MINUTE, R, SECOND, type Stage, type StageOptions } from '../stage.ts';

// An owner with a `.github` repository and several others, on the whole app.

const RULES_PATH = '.github/dstack.yml';

export interface Owner {
  readonly stage: Stage;
  readonly home: Repo;
  /** Without a file of its own, as most are; `stage.repo` is one, too. */
  readonly lib: Repo;
  addJobs(repo: Repo, count: number, spec?: Partial<JobSpec>): readonly Job[];
  /** null: the file is deleted. */
  push(repo: Repo, text: string | null): void;
  /** Live machines by the name of their repository. */
  live(): Readonly<Record<string, number>>;
  /** The most machines that lived at the same time while the world ran until then. */
  mostLive(what: () => boolean, withinMs?: number): Promise<number>;
}

export interface OwnerOptions extends StageOptions {
  /** null: the `.github` repository has no file. */
  readonly owners: string | null;
  readonly lib?: string | null;
}

export async function openOwner({ owners, lib, ...options }: OwnerOptions): Promise<Owner> {
  const stage = createStage({ rules: null, ...options });
  const { owner } = stage.repo;
  const add = (name: string, text: string | null) =>
    stage.github.repos.addRepo({ owner, name, files: text === null ? {} : { [RULES_PATH]: text } });
  const home = add('.github', owners);
  const other = add('lib', lib ?? null);
  stage.start();
  await stage.pass(R + 20 * SECOND);
  let jobs = 0;
  const repoName = (id: string) => stage.github.state.repos.get(Number(id))?.name ?? 'none';
  return {
    stage,
    home,
    lib: other,
    addJobs(repo, count, spec) {
      const specs = Array.from({ length: count }, (): JobSpec => {
        jobs += 1;
        const labels = ['self-hosted', 'dstack'];
        return { name: `${repo.name}-${jobs}`, labels, durationMs: MINUTE, ...spec };
      });
      return stage.github.jobs.addRun(repo, { jobs: specs }).jobs;
    },
    push: (repo, text) => void stage.github.repos.commit(repo, { [RULES_PATH]: text }),
    live() {
      const counts: Record<string, number> = {};
      for (const { tags } of stage.live()) {
        const name = repoName(tags['dstack:repo'] ?? '');
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    },
    async mostLive(what, withinMs) {
      let most = 0;
      await stage.until(() => {
        most = Math.max(most, stage.live().length);
        return what();
      }, withinMs);
      return most;
    },
  };
}
