import { expect, test } from '@jest/globals';
import { motoServer } from '../moto.ts';
import { playCrash } from './crash.ts';

// A short play of what `npm run crash` does at length.

const LIMIT_MS = 300_000;
const play = { jobs: 60, kills: 10, seed: 5 };

(motoServer === undefined ? test.skip : test)(
  'ten kills during sixty jobs lose no job, leave no machine and exceed no maximum',
  async () => {
    const { result, problems } = await playCrash({ ...play, say: () => {} });
    expect(problems).toEqual([]);
    expect(result).toMatchObject({
      jobs: { queued: 60, completed: 60, lost: 0 },
      instances: { left: 0, maxExceeded: 0 },
      kills: 10,
    });
  },
  LIMIT_MS,
);
