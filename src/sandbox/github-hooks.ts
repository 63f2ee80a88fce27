import type { Instant } from '../lib/clock.ts';
import type { InstallationId, RepoId } from '../model/ids.ts';
import type { GitHubState, Installation, Repo } from './github-state.ts';

/** One webhook on its way; `answer` is the receiver's HTTP status. */
export interface Webhook {
  readonly event: string;
  readonly guid: string;
  readonly payload: object;
  readonly installation: InstallationId;
}

/** What GitHub wrote down about one attempt. */
export interface HookDelivery {
  readonly id: number;
  readonly guid: string;
  readonly at: Instant;
  readonly isRedelivery: boolean;
  readonly durationMs: number;
  readonly statusCode: number;
  readonly status: string;
  readonly event: string;
  readonly action: string | null;
  readonly installation: InstallationId;
  readonly repo: RepoId | null;
  readonly payload: object;
}

/**
 * lost: it does not arrive, and is recorded as failed, so many times if it is asked for again. outage: GitHub never makes it, so there is no
 * record. delay: later by `ms`, which also reorders. double: twice, under one guid.
 */
export interface HookFault {
  readonly kind: 'lost' | 'outage' | 'delay' | 'double';
  readonly ms?: number;
  readonly times?: number;
}

export interface HookCall {
  readonly event: string;
  readonly action: string | null;
  /** Counts all webhooks, from 1. */
  readonly nth: number;
}

export type Receiver = (hook: Webhook, answer: (status: number) => void) => void;

export interface Hooks {
  /** Nothing is sent for what the App is not installed on. */
  sendRepo(event: string, repo: Repo, fields: object): void;
  sendInstallation(event: string, installation: Installation, payload: object): void;
  setReceiver(receiver: Receiver): void;
  /** Of the last three days, or since then, newest first. */
  deliveries(since?: Instant): readonly HookDelivery[];
  /** false: there is no such delivery, or it is too old. */
  redeliver(id: number): boolean;
}

const KEPT_MS = 3 * 24 * 3_600_000;
/** Bounds memory when a demo runs for days. */
const KEPT_LIMIT = 20_000;

const actionOf = (payload: object): string | null =>
  'action' in payload && typeof payload.action === 'string' ? payload.action : null;

export interface HookDeps {
  readonly fault: ((call: HookCall) => HookFault | undefined) | undefined;
  readonly installationOf: (repo: Repo) => Installation | undefined;
  /** Adds what every payload of a repository has. */
  readonly complete: (repo: Repo, installation: Installation, fields: object) => object;
}

export function createHooks(state: GitHubState, deps: HookDeps): Hooks {
  const { kernel, knobs } = state;
  const records: HookDelivery[] = [];
  /** Attempts that are yet to be lost, by guid. */
  const losses = new Map<string, number>();
  let receiver: Receiver = (_, answer) => answer(502);
  let sent = 0;

  const record = (delivery: HookDelivery) => {
    records.push(delivery);
    const oldest = kernel.now() - KEPT_MS;
    while (records.length > KEPT_LIMIT || (records[0]?.at ?? oldest) < oldest) records.shift();
  };

  const attempt = (hook: Webhook, repo: RepoId | null, how: { isRedelivery: boolean }) => {
    const at = kernel.now();
    const id = state.nextId('delivery');
    let isOpen = true;
    const close = (statusCode: number, status: string) => {
      if (!isOpen) return;
      isOpen = false;
      cancel();
      record({
        id,
        guid: hook.guid,
        at,
        isRedelivery: how.isRedelivery,
        durationMs: kernel.now() - at,
        statusCode,
        status,
        event: hook.event,
        action: actionOf(hook.payload),
        installation: hook.installation,
        repo,
        payload: hook.payload,
      });
    };
    const cancel = kernel.at(knobs.hookTimeoutMs, 'hook timeout', () => close(504, 'timed out'));
    const left = losses.get(hook.guid);
    if (left !== undefined) {
      if (left > 1) losses.set(hook.guid, left - 1);
      else losses.delete(hook.guid);
      return close(502, 'failed to connect');
    }
    receiver(hook, (status) =>
      close(status, status >= 200 && status < 300 ? 'OK' : `Invalid HTTP Response: ${status}`),
    );
  };

  const send = (hook: Webhook, repo: RepoId | null) => {
    sent += 1;
    const action = actionOf(hook.payload);
    const fault = deps.fault?.({ event: hook.event, action, nth: sent });
    if (fault !== undefined) kernel.mark(`hook ${fault.kind}`);
    if (fault?.kind === 'outage') return;
    const later = fault?.kind === 'delay' ? (fault.ms ?? 0) : 0;
    const times = fault?.kind === 'double' ? 2 : 1;
    if (fault?.kind === 'lost') losses.set(hook.guid, fault.times ?? 1);
    for (let i = 0; i < times; i += 1) {
      const delayMs = state.draw('hook delay', knobs.hookDelayMs) + later;
      kernel.at(delayMs, 'hook', () => attempt(hook, repo, { isRedelivery: false }));
    }
  };

  const guid = () => {
    const h = state.hex(32);
    return [h.slice(0, 8), h.slice(8, 12), h.slice(12, 16), h.slice(16, 20), h.slice(20)].join('-');
  };

  return {
    sendRepo(event, repo, fields) {
      const installation = deps.installationOf(repo);
      if (installation === undefined || installation.suspendedAt !== null) return;
      const payload = deps.complete(repo, installation, fields);
      send({ event, guid: guid(), payload, installation: installation.id }, repo.id);
    },
    sendInstallation(event, installation, payload) {
      send({ event, guid: guid(), payload, installation: installation.id }, null);
    },
    setReceiver(next) {
      receiver = next;
    },
    deliveries(since = 0) {
      const oldest = Math.max(since, kernel.now() - KEPT_MS);
      // They are written down when they end: what began later is not far before it.
      const first = records.findLastIndex(({ at }) => at < oldest - 2 * knobs.hookTimeoutMs);
      return records
        .slice(first + 1)
        .filter(({ at }) => at >= oldest)
        .sort((a, b) => b.id - a.id);
    },
    redeliver(id) {
      const first = records.find((each) => each.id === id && each.at >= kernel.now() - KEPT_MS);
      if (first === undefined) return false;
      const { event, guid: same, payload, installation, repo } = first;
      kernel.at(state.draw('hook delay', knobs.hookDelayMs), 'hook again', () =>
        attempt({ event, guid: same, payload, installation }, repo, { isRedelivery: true }),
      );
      return true;
    },
  };
}
