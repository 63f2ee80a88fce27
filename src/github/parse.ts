import { createHash } from 'node:crypto';
import type { Instant } from '../lib/clock.ts';
import { instantOf } from '../lib/instant.ts';
import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import type { InstallationId, OwnerId, RepoId, RunId, RunnerId } from '../model/ids.ts';
import type { RunFacts, RunnerFacts } from './port.ts';

// The REST answers that only this adapter reads; what webhooks share is in model/github-json.ts.

/** Picks a list out of GitHub's envelope, such as `runners` of `{total_count, runners}`. */
export const within =
  (key: string) =>
  (data: unknown): unknown =>
    fieldsOf(data)[key];

export const parseRunId = (value: unknown): RunId | undefined => idOf(fieldsOf(value)['id']);

/** What was made, or changed. */
export function parseId(value: unknown): { readonly id: number } | undefined {
  const id = idOf(fieldsOf(value)['id']);
  return id === undefined ? undefined : { id };
}

/** A head repository that is gone was a fork: ours is there, or we could not read this. */
export function parseRun(value: unknown, repo: RepoId): RunFacts | undefined {
  const fields = fieldsOf(value);
  if (idOf(fields['id']) === undefined) return undefined;
  return {
    isFork: idOf(fieldsOf(fields['head_repository'])['id']) !== repo,
    attempt: idOf(fields['run_attempt']) ?? 1,
    isComplete: fields['status'] === 'completed',
    conclusion: textOf(fields['conclusion']) ?? null,
    // Some answers name the branch as well: `….yml@main`.
    path: textOf(fields['path'])?.replace(/@.*$/, '') ?? '',
    sha: textOf(fields['head_sha']) ?? '',
  };
}

/** What is at a path. Of a link that leads to a file GitHub shows the file, with the link's own blob. */
export type Entry =
  | { readonly bytes: Buffer; readonly blob: string; readonly isLink: boolean }
  | { readonly code: 'no-file' | 'no-text' | 'link' };

export function parseEntry(value: unknown): Entry | undefined {
  if (Array.isArray(value)) return { code: 'no-file' };
  const { type, encoding, content, sha } = fieldsOf(value);
  const blob = textOf(sha);
  if (textOf(type) === undefined || blob === undefined) return undefined;
  if (type === 'symlink') return { code: 'link' };
  if (type !== 'file') return { code: 'no-file' };
  if (encoding !== 'base64' || typeof content !== 'string') return { code: 'no-text' };
  const bytes = Buffer.from(content, 'base64');
  return { bytes, blob, isLink: blob !== blobOf(bytes, blob) };
}

/** The blob of these bytes, in the kind of hash that the other one is. */
const blobOf = (bytes: Buffer, { length }: string): string =>
  createHash(length === SHA256_LENGTH ? 'sha256' : 'sha1')
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest('hex');

const SHA256_LENGTH = 64;

export function parseRegistration(
  value: unknown,
): { readonly runnerId: RunnerId; readonly jitConfig: string } | undefined {
  const fields = fieldsOf(value);
  const runnerId = idOf(fieldsOf(fields['runner'])['id']);
  const jitConfig = textOf(fields['encoded_jit_config']);
  return runnerId === undefined || jitConfig === undefined ? undefined : { runnerId, jitConfig };
}

export function parseRunner(value: unknown): RunnerFacts | undefined {
  const fields = fieldsOf(value);
  const id = idOf(fields['id']);
  const name = textOf(fields['name']);
  const { status, busy } = fields;
  if (id === undefined || name === undefined || typeof busy !== 'boolean') return undefined;
  return { id, name, isOnline: status === 'online', isBusy: busy };
}

export interface Download {
  readonly os: string;
  readonly arch: string;
  readonly version: string;
  readonly url: string;
  /** null where GitHub gives none. */
  readonly sha256: string | null;
}

/** One of the downloads; undefined for what is no archive of a version, such as Windows's. */
export function parseDownload(value: unknown): Download | undefined {
  const fields = fieldsOf(value);
  const os = textOf(fields['os']);
  const arch = textOf(fields['architecture']);
  const url = textOf(fields['download_url']);
  const version = /-(\d+\.\d+\.\d+)\.tar\.gz$/.exec(textOf(fields['filename']) ?? '')?.[1];
  if (os === undefined || arch === undefined) return undefined;
  if (url === undefined || version === undefined) return undefined;
  return { os, arch, version, url, sha256: textOf(fields['sha256_checksum']) ?? null };
}

export interface InstallationFacts {
  readonly id: InstallationId;
  readonly ownerId: OwnerId;
}

export function parseInstallation(value: unknown): InstallationFacts | undefined {
  const fields = fieldsOf(value);
  const id = idOf(fields['id']);
  const ownerId = idOf(fieldsOf(fields['account'])['id']);
  return id === undefined || ownerId === undefined ? undefined : { id, ownerId };
}

export interface DeliveryFacts {
  /** Octokit reads what is beyond 2^53 as a bigint, and delivery ids may be. */
  readonly id: number | bigint;
  readonly guid: string;
  readonly at: Instant;
  readonly isSuccess: boolean;
}

export function parseDelivery(value: unknown): DeliveryFacts | undefined {
  const fields = fieldsOf(value);
  const id = typeof fields['id'] === 'bigint' ? fields['id'] : idOf(fields['id']);
  const guid = textOf(fields['guid']);
  const at = instantOf(fields['delivered_at']);
  const status = fields['status_code'];
  if (id === undefined || guid === undefined || at === undefined) return undefined;
  const isSuccess = typeof status === 'number' && status >= 200 && status < 300;
  return { id, guid, at, isSuccess };
}
