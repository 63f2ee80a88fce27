import type { Instant } from '../lib/clock.ts';
import type { GitHubState, Owner } from './github-state.ts';

// The nouns of what people say and review in a repository of the sandbox's GitHub.

/** Whoever may write a comment; an owner is one too. */
export interface Person {
  readonly id: number;
  readonly login: string;
  readonly type: Owner['type'] | 'Bot';
}

/** A collaborator's; the App's permission is its installation's. */
export type Role = 'admin' | 'maintain' | 'write' | 'triage' | 'read';

export interface Issue {
  readonly id: number;
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly by: Person;
  readonly createdAt: Instant;
  isLocked: boolean;
  /** Set for a pull request, which is an issue with branches. */
  pull: Pull | null;
}

export interface Pull {
  readonly issue: Issue;
  readonly head: string;
  readonly base: string;
  readonly isFork: boolean;
  /** Of the head; stays what it was when the branch goes. */
  headSha: string;
  closedAt: Instant | null;
  merged: { readonly at: Instant; readonly by: Person; readonly sha: string } | null;
}

export interface Comment {
  readonly id: number;
  readonly issue: Issue;
  readonly by: Person;
  readonly createdAt: Instant;
  body: string;
  changedAt: Instant;
  reactions: readonly Reaction[];
  /** Every reaction that it ever got, in order. */
  readonly reactionLog: string[];
}

/** All that there are. */
export const REACTIONS: readonly string[] = [
  '+1',
  '-1',
  'laugh',
  'hooray',
  'confused',
  'heart',
  'rocket',
  'eyes',
];

export interface Reaction {
  readonly id: number;
  readonly content: string;
  readonly by: Person;
  readonly at: Instant;
}

export interface Annotation {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly startColumn: number | null;
  readonly endColumn: number | null;
  readonly level: string;
  readonly message: string;
}

export interface Check {
  readonly id: number;
  readonly sha: string;
  readonly startedAt: Instant;
  readonly annotations: Annotation[];
  name: string;
  status: string;
  conclusion: string | null;
  completedAt: Instant | null;
  title: string;
  summary: string;
}

export interface RepoTalk {
  /** Issues and pull requests share their numbers. */
  readonly issues: Map<number, Issue>;
  readonly comments: Map<number, Comment>;
  readonly checks: Map<number, Check>;
  /** By login, lower-cased. */
  readonly roles: Map<string, Role>;
  /** Branches that take pull requests only. */
  readonly protectedBranches: Set<string>;
  hasIssues: boolean;
}

export const createRepoTalk = (): RepoTalk => ({
  issues: new Map(),
  comments: new Map(),
  checks: new Map(),
  roles: new Map(),
  protectedBranches: new Set(),
  hasIssues: true,
});

type People = Pick<GitHubState, 'people' | 'owners' | 'nextId'>;

export const findPerson = ({ people, owners }: People, login: string): Person | undefined => {
  const wanted = login.toLowerCase();
  const owner = [...owners.values()].find((one) => one.login.toLowerCase() === wanted);
  return owner ?? people.get(wanted);
};

/** Everybody is known to GitHub from the first word on. */
export function personOf(state: People, login: string): Person {
  const known = findPerson(state, login);
  if (known !== undefined) return known;
  const type = login.endsWith('[bot]') ? 'Bot' : 'User';
  const person: Person = { id: state.nextId('other'), login, type };
  state.people.set(login.toLowerCase(), person);
  return person;
}

/** Whom GitHub names for what the App does. */
export const botOf = (state: People & Pick<GitHubState, 'knobs'>): Person =>
  personOf(state, `${state.knobs.slug}[bot]`);
