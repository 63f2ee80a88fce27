import { describe, expect, test } from '@jest/globals';
import { MINUTE, openStage, rulesText } from '../stage.ts';

// A rules file that is there before the App is: nobody pushes it, and no job is queued.

const files = { '.github/dstack.yml': rulesText({ 'm5.large': 1 }) };

describe('the rules of a repository are read', () => {
  test('soon after the App was installed', async () => {
    const stage = await openStage();
    const { repos } = stage.github;
    const other = repos.addOwner('other');
    const repo = repos.addRepo({ owner: other, name: 'service', files });
    repos.install(other);
    await stage.pass(MINUTE);
    expect((await stage.store.rules(`repo-${repo.id}`))?.text).toContain('m5.large');
  });

  test('soon after it was chosen', async () => {
    const stage = await openStage();
    const { repos } = stage.github;
    const other = repos.addOwner('other');
    const [first, second] = ['one', 'two'].map((name) =>
      repos.addRepo({ owner: other, name, files }),
    );
    if (!first || !second) throw new Error('two repositories');
    const { id } = repos.install(other, [first]);
    await stage.pass(MINUTE);
    repos.select(id, { add: [second] });
    await stage.pass(MINUTE);
    expect((await stage.store.rules(`repo-${second.id}`))?.text).toContain('m5.large');
  });
});
