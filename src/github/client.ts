import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { InstallationId, RepoId } from '../model/ids.ts';
import { done, type Refusal, type Reply } from '../model/reply.ts';
import { type Answer, headerOf } from './answer.ts';
import { CALLS, type CallName } from './calls.ts';
import { isAnswer, refusedBy, unreadable } from './refused.ts';
import type { Tokens } from './tokens.ts';
import type { Transport } from './transport.ts';

// One call with its token, its refusals as values, and reads that cost nothing while nothing changes.

export interface Target {
  readonly call: Exclude<CallName, 'mint' | 'convert'>;
  /** Whose token: one repository's, an installation's (repo null), or the App's (null). */
  readonly at: { readonly installation: InstallationId; readonly repo: RepoId | null } | null;
  readonly params: Readonly<Record<string, unknown>>;
  /** For messages. */
  readonly what: string;
  /** A status that means something else for this call. */
  readonly meanings?: Readonly<Record<number, Refusal>>;
}

export interface List<T> {
  /** The array within an answer's body. */
  readonly items: (data: unknown) => unknown;
  readonly parse: (item: unknown) => T | undefined;
  readonly maxPages: number;
  /** Looks at one page's items: no more are needed. */
  readonly isEnough?: (items: readonly T[]) => boolean;
}

export interface Client {
  /** `parse` gives undefined for an answer that it does not understand. */
  call<T>(target: Target, parse: (answer: Answer) => T | undefined): Promise<Reply<T>>;
  /** All pages, as far as `maxPages`: what is missing from a list proves nothing. */
  list<T>(target: Target, list: List<T>): Promise<Reply<readonly T[]>>;
}

export interface ClientDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly tokens: Tokens;
  readonly transport: Transport;
  readonly settingsUrl: string | undefined;
}

/** Parsed values, not bodies: a page of runs is a megabyte, and a hundred ids when parsed. */
const MAX_ETAGS = 20_000;
const PER_PAGE = 100;
const always = Number.POSITIVE_INFINITY;

interface Seen {
  readonly etag: string;
  readonly value: unknown;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly unread: number;
  /** What the next page is asked for with; null: this is the last. */
  readonly next: Readonly<Record<string, string>> | null;
}

export function createClient(deps: ClientDeps): Client {
  const { clock, log, transport, settingsUrl } = deps;
  const seen = createCache<Seen>(clock, MAX_ETAGS);

  /** Once more with a new token when GitHub no longer takes the old one: 401 means nothing was done. */
  async function authorized(target: Target, headers: Readonly<Record<string, string>>) {
    const { at, call, params, what } = target;
    const payer = at === null ? 'app' : at.installation;
    const send = (authorization: string) =>
      transport({ call, payer, params, what, headers: { ...headers, authorization } });
    const permissions = CALLS[call].needs;
    if (at === null || permissions === null) return send(`bearer ${deps.tokens.app()}`);
    const token = await deps.tokens.of({ ...at, permissions });
    if (!token.ok) return token;
    const answer = await send(`token ${token.value}`);
    if (!isAnswer(answer) || answer.status !== 401) return answer;
    const fresh = await deps.tokens.of({ ...at, permissions }, token.value);
    return fresh.ok ? send(`token ${fresh.value}`) : fresh;
  }

  async function call<T>(
    target: Target,
    parse: (answer: Answer) => T | undefined,
  ): Promise<Reply<T>> {
    const isRead = CALLS[target.call].route.startsWith('GET ');
    const key = JSON.stringify([target.call, target.at, target.params]);
    const known = isRead ? seen.get(key, always) : undefined;
    const answer = await authorized(target, known ? { 'if-none-match': known.etag } : {});
    if (!isAnswer(answer)) return answer;
    if (answer.status === 304 && known) {
      // Set again, so that what is asked for often is not what is forgotten.
      seen.set(key, known);
      return done(known.value as T);
    }
    const { what, meanings } = target;
    if (answer.status < 200 || answer.status > 299) {
      return refusedBy({ what, answer, settingsUrl, ...(meanings ? { meanings } : {}) });
    }
    const value = parse(answer);
    if (value === undefined) return unreadable(what, answer);
    const etag = headerOf(answer, 'etag');
    if (isRead && etag !== undefined) seen.set(key, { etag, value });
    return done(value);
  }

  async function list<T>(target: Target, shape: List<T>): Promise<Reply<readonly T[]>> {
    const all: T[] = [];
    const { what } = target;
    let params = { ...target.params, per_page: PER_PAGE };
    for (let page = 1; page <= shape.maxPages; page++) {
      const reply = await call({ ...target, params }, (answer) => pageOf(answer, shape));
      if (!reply.ok) return reply;
      const { items, unread, next } = reply.value;
      if (unread > 0) log.warn({ what, unread }, 'github lists what we do not understand');
      all.push(...items);
      if (next === null || shape.isEnough?.(items)) return done(all);
      params = { ...params, ...next };
    }
    log.warn({ what, kept: all.length }, 'list cut off at our own limit');
    return done(all);
  }

  return { call, list };
}

function pageOf<T>(answer: Answer, { items, parse }: List<T>): Page<T> | undefined {
  const raw = items(answer.data);
  if (!Array.isArray(raw)) return undefined;
  const parsed = raw.map(parse).filter((item) => item !== undefined);
  return { items: parsed, unread: raw.length - parsed.length, next: nextOf(answer) };
}

/** By the Link header: a page may be short without being the last. */
function nextOf(answer: Answer): Page<unknown>['next'] {
  const link = /<([^<>]+)>;\s*rel="next"/.exec(headerOf(answer, 'link') ?? '')?.[1];
  if (link === undefined || !URL.canParse(link)) return null;
  const query = new URL(link).searchParams;
  const place = [...query].filter(([name]) => name === 'page' || name === 'cursor');
  return place.length === 0 ? null : Object.fromEntries(place);
}
