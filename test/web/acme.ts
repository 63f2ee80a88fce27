import type { Repo } from '../../src/model/repo.ts';

/** A repository as the store has it, for the doors that people come by. */
export const ACME_APP: Repo = {
  id: 7,
  owner: 'acme',
  ownerId: 9,
  name: 'app',
  defaultBranch: 'main',
  isPrivate: true,
  installation: 5,
  scope: 'repo-7',
  heardAt: 0,
  removedAt: null,
};

/** A user token, in GitHub's form. */
export const TOKEN = 'ghu_0123456789012345678901234567890123456789';
