import { Secret } from '../lib/secret.ts';
import { AWS_REGION } from '../lib/units.ts';
import { fieldsOf, idOf } from '../model/github-json.ts';
import type { OwnerId, RepoId, ScopeId } from '../model/ids.ts';
import type { AccountView } from './port.ts';

// An account as it is kept: JSON that repeats whose it is, so that a value under a wrong name, or
// credentials of a wrong AWS account, serve nobody.

export type Access =
  | { readonly kind: 'keys'; readonly accessKeyId: string; readonly secretAccessKey: Secret }
  | { readonly kind: 'role'; readonly roleArn: string; readonly externalId: string };

export interface Account {
  readonly scope: ScopeId;
  /** Of a repository's account: who owned it when this was given; null: it does not say. */
  readonly ownerId: OwnerId | null;
  /** 12 digits. */
  readonly awsAccount: string;
  readonly access: Access;
  readonly region: string | null;
  readonly bucket: string | null;
  readonly repositories: readonly RepoId[];
  /** It launches no more, and is removed when its last machine is gone. */
  readonly isClosed: boolean;
}

/** What a person gives; the rest is found out. */
export interface AccountInput {
  readonly access:
    | { readonly kind: 'keys'; readonly accessKeyId: string; readonly secretAccessKey: Secret }
    | { readonly kind: 'role'; readonly roleArn: string };
  readonly region: string;
  readonly bucket: string | null;
  readonly repositories: readonly RepoId[];
}

type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string };

const no = (why: string) => ({ ok: false, why }) as const;

/** More would not fit into a secret, 64 KiB. */
const MOST_REPOSITORIES = 1000;

interface Field {
  readonly name: string;
  readonly shape: RegExp;
  readonly accepts: string;
}

const KEY_ID: Field = {
  name: 'accessKeyId',
  shape: /^[A-Z0-9]{16,128}$/,
  accepts: 'an access key id, such as AKIA followed by 16 letters and digits',
};
const SECRET_KEY: Field = {
  name: 'secretAccessKey',
  shape: /^[A-Za-z0-9/+=]{16,128}$/,
  accepts: 'a secret access key: 40 letters, digits and the signs /+=',
};
const ROLE: Field = {
  name: 'roleArn',
  shape: /^arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role\/[A-Za-z0-9+=,.@_/-]{1,576}$/,
  accepts: 'the ARN of a role, such as arn:aws:iam::123456789012:role/dstack',
};
const EXTERNAL_ID: Field = {
  name: 'externalId',
  shape: /^[A-Za-z0-9_-]{16,128}$/,
  accepts: 'the external id that the app made',
};
const REGION: Field = {
  name: 'region',
  shape: new RegExp(AWS_REGION),
  accepts: 'an AWS region such as eu-west-1',
};
const BUCKET: Field = {
  name: 'bucket',
  shape: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  accepts: 'the name of an S3 bucket',
};
const AWS_ACCOUNT: Field = { name: 'account', shape: /^[0-9]{12}$/, accepts: '12 digits' };

function read(from: object, { name, shape, accepts }: Field): Parsed<string> {
  const value = fieldsOf(from)[name];
  if (value === undefined || value === null || value === '') {
    return no(`${name} is missing: ${accepts}`);
  }
  if (typeof value !== 'string' || !shape.test(value)) {
    // Never the value itself: it may be a secret, or a secret in the wrong field.
    const hasSpace = typeof value === 'string' && /\s/.test(value);
    const found = hasSpace ? 'holds a line break or a space' : 'is not accepted';
    return no(`${name} ${found}: write ${accepts}`);
  }
  return { ok: true, value };
}

function readOptional(from: object, field: Field): Parsed<string | null> {
  const value = fieldsOf(from)[field.name];
  return value === undefined || value === null || value === ''
    ? { ok: true, value: null }
    : read(from, field);
}

function readKeys(from: object): Parsed<Extract<Access, { kind: 'keys' }>> {
  const id = read(from, KEY_ID);
  const secret = read(from, SECRET_KEY);
  if (!id.ok) return id;
  if (!secret.ok) return secret;
  const keys = { accessKeyId: id.value, secretAccessKey: new Secret(secret.value) };
  return { ok: true, value: { kind: 'keys', ...keys } };
}

function readRepositories(from: object): Parsed<readonly RepoId[]> {
  const given = fieldsOf(from)['repositories'] ?? [];
  const ids = Array.isArray(given) ? given.map(idOf) : [undefined];
  const known = ids.filter((id) => id !== undefined);
  if (known.length !== ids.length || known.length > MOST_REPOSITORIES) {
    return no(`repositories: write at most ${MOST_REPOSITORIES} ids of repositories`);
  }
  return { ok: true, value: known };
}

export const parseRegion = (region: string): Parsed<string> => read({ region }, REGION);

const isRole = (from: object) => 'roleArn' in from;

/** What came in a request's body. */
export function parseInput(body: object): Parsed<AccountInput> {
  if (isRole(body) && 'accessKeyId' in body) return no('give keys or a role, not both');
  const role = isRole(body) ? read(body, ROLE) : undefined;
  const access = role ?? readKeys(body);
  const region = read(body, REGION);
  const bucket = readOptional(body, BUCKET);
  const repositories = readRepositories(body);
  if (!access.ok) return access;
  if (!region.ok) return region;
  if (!bucket.ok) return bucket;
  if (!repositories.ok) return repositories;
  const given = access.value;
  return {
    ok: true,
    value: {
      access: typeof given === 'string' ? { kind: 'role', roleArn: given } : given,
      region: region.value,
      bucket: bucket.value,
      repositories: repositories.value,
    },
  };
}

/** What is kept for a scope, by us or by a person with the AWS console. */
export function parseAccount(scope: ScopeId, text: string): Parsed<Account> {
  const fields = objectOf(text);
  if (fields === undefined) return no('what is kept is no JSON object');
  if (fieldsOf(fields)['scope'] !== scope) return no(`what is kept does not name ${scope}`);
  const awsAccount = read(fields, AWS_ACCOUNT);
  const access = isRole(fields) ? readRole(fields) : readKeys(fields);
  const region = readOptional(fields, REGION);
  const bucket = readOptional(fields, BUCKET);
  const repositories = readRepositories(fields);
  if (!awsAccount.ok) return awsAccount;
  if (!access.ok) return access;
  if (!region.ok) return region;
  if (!bucket.ok) return bucket;
  if (!repositories.ok) return repositories;
  return {
    ok: true,
    value: {
      scope,
      ownerId: idOf(fieldsOf(fields)['owner']) ?? null,
      awsAccount: awsAccount.value,
      access: access.value,
      region: region.value,
      bucket: bucket.value,
      repositories: repositories.value,
      isClosed: fieldsOf(fields)['closed'] === true,
    },
  };
}

function readRole(from: object): Parsed<Access> {
  const roleArn = read(from, ROLE);
  const externalId = read(from, EXTERNAL_ID);
  if (!roleArn.ok) return roleArn;
  if (!externalId.ok) return externalId;
  const value = { kind: 'role', roleArn: roleArn.value, externalId: externalId.value } as const;
  return { ok: true, value };
}

function objectOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The one place where a secret is written out: its reader is the vault alone. */
export function printAccount(account: Account): string {
  const { scope, ownerId, awsAccount, access, region, bucket, repositories, isClosed } = account;
  const how =
    access.kind === 'keys'
      ? { accessKeyId: access.accessKeyId, secretAccessKey: access.secretAccessKey.reveal() }
      : { roleArn: access.roleArn, externalId: access.externalId };
  return JSON.stringify({
    scope,
    ...(ownerId !== null && { owner: ownerId }),
    account: awsAccount,
    ...how,
    region,
    bucket,
    ...(repositories.length > 0 && { repositories }),
    ...(isClosed && { closed: true }),
  });
}

/** A repository that went to another owner must not spend what its first one gave. */
export const isOfOther = ({ ownerId }: Account, now: OwnerId | undefined): boolean =>
  ownerId !== null && now !== undefined && ownerId !== now;

export const OF_OTHER =
  'the AWS account of this repository was given by another owner, before it was transferred: configure one anew';

/** Both ends of the id, enough to find it in the AWS console. */
const masked = (id: string): string =>
  `${id.slice(0, 4)}${'*'.repeat(Math.max(4, id.length - 8))}${id.slice(-4)}`;

export function viewOf(account: Account, problem: string | null): AccountView {
  const { scope, awsAccount, access, region, bucket, repositories } = account;
  return {
    scope,
    awsAccount,
    accessKeyId: access.kind === 'keys' ? masked(access.accessKeyId) : null,
    roleArn: access.kind === 'role' ? access.roleArn : null,
    region,
    bucket,
    repositories,
    problem,
  };
}
