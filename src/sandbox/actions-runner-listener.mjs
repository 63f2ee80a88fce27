// The listener inside the stand-in for GitHub's Actions runner (see actions-runner.ts). It runs on
// a machine, alone: Node's own modules only, no types, and the words of the real listener, since
// the daemon reads them.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const jit = process.env.ACTIONS_RUNNER_INPUT_JITCONFIG;
// As the real one does, so that no job sees it.
delete process.env.ACTIONS_RUNNER_INPUT_JITCONFIG;

// The real one works on when nobody reads its words any more.
process.stdout.on('error', () => {});

const BEAT_MS = 1_000;
const say = (text) => console.log(text);
const stamped = (text) =>
  say(`${new Date().toISOString().replace('T', ' ').slice(0, 19)}Z: ${text}`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Like run.sh, the end is always 0: nobody may learn from it whether a job ran. */
function leave(text) {
  say(text);
  process.exit(0);
}

if (!jit) leave('Not configured. Run config.(sh/cmd) to configure the runner.');
const files = JSON.parse(Buffer.from(jit, 'base64').toString());
const fileOf = (name) => JSON.parse(Buffer.from(files[name], 'base64').toString());
// The real one writes its configuration beside itself too, so it must own its folder.
for (const name of Object.keys(files)) {
  writeFileSync(new URL(`../${name}`, import.meta.url), Buffer.from(files[name], 'base64'));
}
const base = fileOf('.runner').ServerUrl;
const secret = fileOf('.credentials').data.clientId;

async function post(path, body) {
  const answer = await fetch(`${base}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ secret, ...body }),
  });
  return { status: answer.status, body: await answer.json().catch(() => ({})) };
}

/**
 * Both hooks are run as the real runner runs them, with the same facts in the environment; one that
 * fails, fails the job.
 */
function hook(which, job, runner) {
  const script = process.env[`ACTIONS_RUNNER_HOOK_JOB_${which}`];
  if (!script) return true;
  const env = {
    ...process.env,
    CI: 'true',
    GITHUB_REPOSITORY: job.repository,
    GITHUB_RUN_ID: String(job.run),
    GITHUB_RUN_ATTEMPT: String(job.attempt),
    GITHUB_JOB: job.key,
    GITHUB_EVENT_NAME: job.event,
    RUNNER_NAME: runner,
  };
  return spawnSync('/bin/bash', ['-e', script], { env, stdio: 'inherit' }).status === 0;
}

const RESULTS = { success: 'Succeeded', failure: 'Failed', cancelled: 'Canceled' };

async function run(job, runner) {
  stamped(`Running job: ${job.name}`);
  const beat = setInterval(() => post('beat', {}).catch(() => {}), BEAT_MS);
  const hasBegun = hook('STARTED', job, runner);
  if (hasBegun) await sleep(job.ms);
  clearInterval(beat);
  const isGood = hook('COMPLETED', job, runner) && hasBegun;
  const conclusion = isGood ? job.conclusion : 'failure';
  await post('finish', { conclusion });
  stamped(`Job ${job.name} completed with result: ${RESULTS[conclusion]}`);
  process.exit(0);
}

let running;
async function stop() {
  if (running) {
    await post('finish', { conclusion: 'cancelled' }).catch(() => {});
    stamped(`Job ${running.name} completed with result: Canceled`);
  }
  leave('Exiting...');
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

const connected = await post('connect', { jit }).catch(() => ({ status: 0 }));
if (connected.status !== 200) leave('An error occurred: the runner registration has been deleted');
say('\n√ Connected to GitHub\n');
stamped('Listening for Jobs');
for (;;) {
  const { status, body } = await post('poll', {}).catch(() => ({ status: 0 }));
  if (status === 404) leave('The runner registration has been deleted from the server');
  if (status !== 200) await sleep(BEAT_MS);
  if (!body?.job) continue;
  running = body.job;
  await run(running, connected.body.name);
}
