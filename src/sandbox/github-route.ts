import { fieldsOf } from '../model/github-json.ts';
import type { Reply } from '../model/reply.ts';
import type { GitHubModel } from './github.ts';
import type { App, Token, Tokens } from './github-app.ts';
import { createReads, type Reads } from './github-reads.ts';
import type { Permissions, Repo } from './github-state.ts';
import type { UserTokens } from './github-user-tokens.ts';

// What the REST routes have in common: who may call, what a call carries, and how an answer is made.

export interface Result {
  readonly status: number;
  readonly body?: object;
  readonly location?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For Link: the query of the next page, and of others by their name. */
  readonly links?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface World {
  readonly model: GitHubModel;
  readonly app: App;
  readonly tokens: Tokens;
  readonly reads: Reads;
  readonly users: UserTokens;
}

export interface Call extends World {
  /** The path's own parts, in order. */
  readonly args: readonly string[];
  readonly query: URLSearchParams;
  readonly input: Readonly<Record<string, unknown>>;
}

export interface RepoCall extends Call {
  readonly repo: Repo;
  readonly token: Token;
}

export interface AppRoute {
  readonly who: 'app';
  readonly run: (call: Call) => Result;
}

export interface InstallationRoute {
  readonly who: 'installation';
  readonly needs: Permissions;
  readonly run: (call: Call & { readonly token: Token }) => Result;
}

/** Below a repository's path; the token must reach it. */
export interface RepoRoute {
  readonly who: 'repo';
  readonly needs: Permissions;
  readonly run: (call: RepoCall) => Result;
}

export type Route = AppRoute | InstallationRoute | RepoRoute;

export const notFound: Result = {
  status: 404,
  body: {
    message: 'Not Found',
    documentation_url: 'https://docs.github.com/rest',
    status: '404',
  },
};

export const problem = (status: number, message: string): Result => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) },
});

/** The model's refusals are GitHub's: the code is the status. */
export const reply = <T>(from: Reply<T>, status: number, show?: (value: T) => object): Result => {
  if (!from.ok) return problem(Number(from.code), from.message);
  return { status, ...(show === undefined ? {} : { body: show(from.value) }) };
};

/** A field that is a text, be it empty. */
export const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

export const ok = (body: object): Result => ({ status: 200, body });

const PER_PAGE = 30;
const PER_PAGE_MOST = 100;

export const perPage = (query: URLSearchParams): number =>
  Math.min(Math.max(1, Number(query.get('per_page') ?? PER_PAGE) || PER_PAGE), PER_PAGE_MOST);

/** One page of a list; `most` is where GitHub stops listing. */
export function page<T>(
  query: URLSearchParams,
  all: readonly T[],
  show: (items: readonly T[]) => object,
  most = Number.POSITIVE_INFINITY,
): Result {
  const size = perPage(query);
  const at = Math.max(1, Number(query.get('page') ?? 1) || 1);
  const last = Math.max(1, Math.ceil(Math.min(all.length, most) / size));
  const links: Record<string, Readonly<Record<string, string>>> = {};
  if (at > 1) links['prev'] = { page: String(Math.min(at - 1, last)) };
  if (at < last) {
    links['next'] = { page: String(at + 1) };
    links['last'] = { page: String(last) };
  }
  const shown = at > last ? [] : all.slice((at - 1) * size, at * size);
  return { status: 200, body: show(shown), links };
}

export const createWorld = (of: Omit<World, 'reads'>): World => ({
  ...of,
  reads: createReads(of.model),
});

/** The Link header's text, over the request's own path and query. */
export function linkHeader(links: Result['links'], url: URL): string | undefined {
  const parts = Object.entries(links ?? {}).map(([rel, change]) => {
    const to = new URL(url);
    for (const [name, value] of Object.entries(change)) to.searchParams.set(name, value);
    return `<${to.href}>; rel="${rel}"`;
  });
  return parts.length === 0 ? undefined : parts.join(', ');
}

export const inputOf = (body: Buffer): Readonly<Record<string, unknown>> => {
  try {
    return fieldsOf(JSON.parse(body.toString() || '{}'));
  } catch {
    return {};
  }
};
