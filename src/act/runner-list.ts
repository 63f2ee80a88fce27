import type { GitHub, RunnerFacts } from '../github/port.ts';
import { done, type Reply } from '../model/reply.ts';
import { type Repo, runnerPlace } from '../model/repo.ts';

interface At {
  readonly repo: Repo;
  readonly runnerGroup: string | null;
}

/** The runners where such machines register. */
export type RunnerList = (at: At) => Promise<Reply<readonly RunnerFacts[]>>;

/** GitHub's lists of runners, each read once, for all who look for theirs in it. */
export function createRunnerLists(github: Pick<GitHub, 'runners'>): RunnerList {
  const lists = new Map<string, Promise<Reply<readonly RunnerFacts[]>>>();
  return ({ repo, runnerGroup }) => {
    const place = runnerPlace(repo, { runnerGroup });
    const key = place.group === null ? `${repo.id}` : `owner ${repo.ownerId}`;
    const list = lists.get(key) ?? github.runners(place);
    lists.set(key, list);
    return list;
  };
}

/** The runner of that name; of many names the list is read once, of one only what is asked for. */
export type FindRunner = (at: At, name: string) => Promise<Reply<RunnerFacts | undefined>>;

export function createFinder(github: Pick<GitHub, 'runners'>, names: number): FindRunner {
  const listOf = createRunnerLists(github);
  return async (at, name) => {
    const list = await (names > 1 ? listOf(at) : github.runners(runnerPlace(at.repo, at), name));
    return list.ok ? done(list.value.find((one) => one.name === name)) : list;
  };
}
