import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Refusal } from '../../src/model/reply.ts';
import type { GitHubWorld } from './contract.ts';
import type { TalkWorld } from './talk-contract.ts';

// What may be in a file's place: a link is followed by who reads, and not edited.

const PATH = '.github/dstack.yml';
const LINK = { link: '../rules.yml' };
const BROKEN = { link: 'gone.yml' };
const TO_FOLDER = { link: '../docs' };
const SUBMODULE = { submodule: 'https://github.example/acme/rules.git' };
const TOO_MUCH = 'x'.repeat(1_000_001);
const AROUND = { 'rules.yml': 'a: 2\n', 'docs/a.md': 'x\n' };

const refused = (reason: Refusal, code: string) =>
  expect.objectContaining({ ok: false, reason, code });

export function entryContract(name: string, openWorld: () => Promise<GitHubWorld>): void {
  describe(`GitHub, what is in a file's place: ${name}`, () => {
    let world: GitHubWorld;
    beforeEach(async () => {
      world = await openWorld();
    });
    afterEach(() => world.close());

    test.each([
      ['a link to a file', LINK, { ok: true, value: { text: 'a: 2\n' } }],
      ['a link to nothing', BROKEN, refused('invalid', 'no-file')],
      ['a link to a folder', TO_FOLDER, refused('invalid', 'no-file')],
      ['a submodule', SUBMODULE, refused('invalid', 'no-file')],
      ['too much', TOO_MUCH, refused('invalid', 'no-text')],
    ])('%s is read as what it is', async (_, entry, expected) => {
      for (const [path, text] of Object.entries(AROUND)) await world.commit(path, text);
      await world.commit(PATH, entry);
      expect(await world.github.file(world.repo, PATH, 'main')).toEqual(expected);
    });
  });
}

export function entryToEditContract(name: string, openWorld: () => Promise<TalkWorld>): void {
  describe(`Talk, what is in a file's place: ${name}`, () => {
    let world: TalkWorld;
    beforeEach(async () => {
      world = await openWorld();
    });
    afterEach(() => world.close());

    test.each([
      ['a link to a file', LINK, 'link'],
      ['a link to nothing', BROKEN, 'link'],
      ['a link to a folder', TO_FOLDER, 'link'],
      ['a submodule', SUBMODULE, 'no-file'],
    ])('%s is not edited', async (_, entry, code) => {
      world.model.repos.commit(world.repo, { ...AROUND, [PATH]: entry });
      const asked = world.talk.fileToEdit(world.ref, PATH, 'main');
      expect(await world.settle(asked)).toEqual(refused('invalid', code));
    });
  });
}
