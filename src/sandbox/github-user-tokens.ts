import type { RepoId } from '../model/ids.ts';
import type { GitHubState, Repo } from './github-state.ts';
import { type Person, personOf } from './github-talk-state.ts';

/** The kinds of tokens that people have at GitHub. */
export type TokenKind =
  /** Given to this App, or to another one. */
  | { readonly kind: 'app' | 'other-app' }
  /** Made by hand, or given to an OAuth app such as a command line. */
  | { readonly kind: 'classic' | 'oauth'; readonly scopes: readonly string[] }
  | {
      readonly kind: 'fine-grained';
      readonly repos: readonly RepoId[];
      readonly contents: 'read' | 'write';
    };

export interface UserToken {
  readonly person: Person;
  readonly is: TokenKind;
}

export interface UserTokens {
  /** By default what a person gets who signs in through this App. */
  issue(login: string, kind?: TokenKind): string;
  find(text: string): UserToken | undefined;
}

const TOKEN_HEX = 36;
const PREFIX: Readonly<Record<TokenKind['kind'], string>> = {
  app: 'ghu_',
  'other-app': 'ghu_',
  classic: 'ghp_',
  oauth: 'gho_',
  'fine-grained': 'github_pat_',
};

export function createUserTokens(state: GitHubState): UserTokens {
  const issued = new Map<string, UserToken>();
  return {
    issue(login, is = { kind: 'app' }) {
      const text = `${PREFIX[is.kind]}${state.hex(TOKEN_HEX)}`;
      issued.set(text, { person: personOf(state, login), is });
      return text;
    },
    find: (text) => issued.get(text),
  };
}

/** What GitHub says of a classic token, and of no other. */
export const scopesHeader = ({ is }: UserToken): Readonly<Record<string, string>> =>
  'scopes' in is ? { 'x-oauth-scopes': is.scopes.join(', ') } : {};

export const isWithin = ({ is }: UserToken, repo: Repo): boolean =>
  is.kind !== 'fine-grained' || !repo.isPrivate || is.repos.includes(repo.id);

export const mayWrite = ({ is }: UserToken, repo: Repo): boolean =>
  is.kind !== 'fine-grained' || (is.contents === 'write' && is.repos.includes(repo.id));
