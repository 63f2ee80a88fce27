// Plays docs/tutorial.md from its first line to its last, in a terminal: dstack as people type it, the
// app as a process, a sandbox GitHub and AWS on loopback. What the terminal shows is compared with the
// page, times and ids aside; with --write the page gets it. Needs tmux and git.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock as clock } from '../src/lib/clock.ts';
import { systemRandom as random } from '../src/lib/random.ts';
import { serveAws } from '../src/sandbox/aws-http.ts';
import { createEc2 } from '../src/sandbox/ec2.ts';
import { isLive } from '../src/sandbox/ec2-instance.ts';
import { serveGitHub } from '../src/sandbox/github-http.ts';
import { createKernel } from '../src/sandbox/kernel.ts';
import { createProcessMachines } from '../src/sandbox/machine-process.ts';

const PAGE = fileURLToPath(new URL('../docs/tutorial.md', import.meta.url));
const BIN = fileURLToPath(new URL('../bin/dstack.js', import.meta.url));
const MOST_MS = 60_000;
const POLL_MS = 100;
/** Of the app's log, where something went wrong. */
const LOG_KEPT = 5_000;
/** As AWS shows them in its own examples. */
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
/** What the program asks, and where the answer is: on the page, or here. */
const ASKS = [
  'AWS Access Key ID:',
  'AWS Secret Access Key:',
  'Region name:',
  'Artifact S3 bucket[None]:',
];
const CONFIRM = /\[y\/N\]$/;
const QUICK = { bootMs: [300, 600], visibleAfterMs: [0, 50], endingMs: [200, 400] };
const AT_ONCE = { assignMs: [10, 50], acquireMs: [10, 50], hookDelayMs: [5, 20] };

/** The page in pieces: `console` blocks as commands with what they show, and lines for the replay. */
function pieces(page) {
  const found = [];
  const lines = page.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const ask = /^<!-- replay: (\w+) (\d+) -->$/.exec(lines[at]);
    if (ask) found.push({ kind: ask[1], count: Number(ask[2]) });
    if (lines[at] !== '```console') continue;
    const end = lines.indexOf('```', at);
    found.push({ kind: 'block', from: at + 1, to: end, lines: lines.slice(at + 1, end) });
    at = end;
  }
  return found;
}

/** What differs from run to run. */
const SIGNS = [
  [/http:\/\/127\.0\.0\.1:\d+/g, 'https://github.com'],
  [/\bi-[0-9a-f]{17}\b/g, 'i-0123456789abcdef0'],
  [/\bsg-[0-9a-f]{17}\b/g, 'sg-0123456789abcdef0'],
  [/\/commit\/[0-9a-f]{40}/g, '/commit/3f2a91c0000000000000000000000000000000ab'],
  [/\b[0-9a-f]{7}(?= on main| http)/g, '3f2a91c'],
  [/runs\/\d+\/job\/\d+/g, 'runs/1/job/2'],
  [/(?<= {2})(\d+ min )?\d+ s\b/g, '9 s'],
  [/for (\d+ min )?\d+ s\b/g, 'for 9 s'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '2026-11-24 14:24:05'],
  [/This month so far: \$[\d.]*\d/g, 'This month so far: $0.0010'],
  [/\$0\.00\d\d$/gm, '$0.0010'],
  [/\beu-west-1[a-c]\b/g, 'eu-west-1a'],
  [/rules (?:of \w+|in) https/g, 'rules of 3f2a91c https'],
  [/\d+(?= to GitHub for work| of at most| unchanged| to EC2)/g, '20'],
  [/\d+ of 5000 calls/g, '41 of 5000 calls'],
];
/** Columns are as wide as what differs. */
const isSame = (a, b) =>
  [a, b]
    .map((lines) => lines.join('\n').replace(/ {2,}/g, '  '))
    .every((text, _, all) => text === all[0]);
const steady = (text) => SIGNS.reduce((sum, [sign, word]) => sum.replace(sign, word), text);

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what, look) {
  const limit = clock.now() + MOST_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (clock.now() > limit) throw new Error(`not in time: ${what}`);
    await sleep(POLL_MS);
  }
}

async function openWorld(folder) {
  const kernel = createKernel({ seed: 7, startAt: clock.now() });
  const github = await serveGitHub({ kernel, random, clock, real: clock, knobs: AT_ONCE });
  const ec2 = createEc2(kernel, QUICK);
  const aws = await serveAws({ kernel, model: ec2, clock });
  const searchPath = process.env.PATH ?? '';
  const machines = await createProcessMachines({ seed: 7, clock, random, searchPath, kernel, ec2 });
  const owner = github.model.repos.addOwner('acme');
  const repo = github.model.repos.addRepo({ owner, name: 'app', files: { 'README.md': 'app\n' } });
  github.model.repos.install(owner);
  const pump = kernel.pump(clock, { speed: 1 });
  const app = await openApp(folder, { github, aws });
  return {
    github,
    url: app.url,
    log: app.log,
    queue: (count) =>
      kernel.visit('run', () => {
        const labels = ['self-hosted', 'dstack'];
        const jobs = Array.from({ length: count }, () => ({
          name: 'test',
          labels,
          durationMs: 600_000,
        }));
        github.model.jobs.addRun(repo, { workflow: 'CI', jobs });
      }),
    /** Of a machine that is gone GitHub says for a while that it works. */
    busy: () =>
      [...repo.runners.values()].filter(
        ({ name, state }) =>
          state.now.isBusy &&
          [...ec2.instances.values()].some((one) => isLive(one) && name.includes(one.id)),
      ).length,
    async close() {
      app.child.kill('SIGTERM');
      await app.ended;
      await machines.close();
      await github.close();
      await aws.close();
      await pump.stop();
    },
  };
}

async function openApp(folder, { github, aws }) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    APP_ID: String(github.app.id),
    PRIVATE_KEY: github.app.pem,
    WEBHOOK_SECRET: github.app.webhookSecret,
    GITHUB_CLIENT_ID: github.app.clientId,
    GITHUB_CLIENT_SECRET: github.app.clientSecret,
    GHE_HOST: new URL(github.url).host,
    GHE_PROTOCOL: 'http',
    PUBLIC_URL: url,
    PORT: String(port),
    DATABASE_URL: `sqlite:${join(folder, 'app.db')}`,
    DSTACK_SECRETS: 'local',
    DSTACK_TICK_MS: '200',
    DSTACK_RESYNC_MS: '2000',
    AWS_ENDPOINT_URL: aws.url,
  };
  const child = spawn(process.execPath, [BIN, 'serve'], { env, cwd: folder });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    log = `${log}${text}`.slice(-LOG_KEPT);
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  github.app.hookUrl = `${url}/api/github/webhooks`;
  await until('the app is ready', () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return { url, child, ended, log: () => log };
}

/** A terminal with a shell in a clone of the repository. */
function openTerminal(folder, world) {
  const clone = join(folder, 'app');
  mkdirSync(join(folder, 'bin'));
  const start = `#!/bin/sh\nexec ${process.execPath} ${BIN} "$@"\n`;
  writeFileSync(join(folder, 'bin', 'dstack'), start, { mode: 0o755 });
  execFileSync('git', ['init', '-q', clone]);
  const remote = `${world.github.url}/acme/app.git`;
  execFileSync('git', ['remote', 'add', 'origin', remote], { cwd: clone });
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HOME: folder,
    TERM: 'screen',
    LANG: 'C.UTF-8',
    PS1: '$ ',
    PUBLIC_URL: world.url,
    GHE_HOST: new URL(world.github.url).host,
    GHE_PROTOCOL: 'http',
    GH_TOKEN: world.github.signIn('acme'),
  };
  const socket = join(folder, 'tmux');
  const tmux = (...args) =>
    execFileSync('tmux', ['-u', '-S', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: folder, LANG: 'C.UTF-8', TERM: 'xterm' },
    });
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const size = ['-x', '200', '-y', '1000'];
  tmux('new-session', '-d', ...size, '-c', clone, 'env', '-i', ...words, 'sh');
  const shown = () => tmux('capture-pane', '-p', '-J', '-S', '-').replace(/[ \n]+$/g, '');
  const last = () => shown().split('\n').at(-1) ?? '';
  return {
    last,
    type(text) {
      tmux('send-keys', '-l', text);
      tmux('send-keys', 'Enter');
    },
    text: shown,
    isIdle: () => last() === '$',
    clear: () => tmux('clear-history'),
    close: () => tmux('kill-server'),
  };
}

/** Types one command, answers what it asks, and gives what the terminal showed. */
async function play(terminal, { command, expected }) {
  await until('the shell waits', terminal.isIdle);
  const before = terminal.text().split('\n').length;
  terminal.type(command);
  const asked = new Set();
  await until(`the end of "${command}"`, async () => {
    if (terminal.text().split('\n').length > before && terminal.isIdle()) return true;
    const line = terminal.last().trimEnd();
    const label = CONFIRM.test(line) ? line : ASKS.find((one) => line.endsWith(one));
    if (label !== undefined && !asked.has(label)) {
      asked.add(label);
      terminal.type(answerTo(label, expected));
    }
    return false;
  });
  const lines = terminal
    .text()
    .split('\n')
    .slice(before - 1, -1);
  return lines.map((line) => line.trimEnd());
}

function answerTo(label, expected) {
  if (CONFIRM.test(label)) return 'y';
  if (label === 'AWS Secret Access Key:') return SECRET;
  const line = expected.find((one) => one.startsWith(label)) ?? '';
  return line.slice(label.length).trim();
}

/** A block's commands, each with the lines that follow it on the page. */
function commandsOf(lines) {
  const commands = [];
  for (const line of lines) {
    if (line.startsWith('$ ')) commands.push({ command: line.slice(2), expected: [] });
    else commands.at(-1)?.expected.push(line);
  }
  return commands;
}

async function replay(page) {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-tutorial-'));
  const world = await openWorld(folder);
  const terminal = openTerminal(folder, world);
  const blocks = [];
  try {
    for (const piece of pieces(page)) {
      if (piece.kind === 'queue') await world.queue(piece.count);
      if (piece.kind === 'busy') await until('jobs run', () => world.busy() === piece.count);
      if (piece.kind !== 'block') continue;
      const shown = [];
      for (const one of commandsOf(piece.lines)) shown.push(...(await play(terminal, one)));
      blocks.push({ ...piece, shown: steady(shown.join('\n')).split('\n') });
    }
  } catch (error) {
    console.error(terminal.text(), world.log());
    throw error;
  } finally {
    terminal.close();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return blocks;
}

const page = readFileSync(PAGE, 'utf8');
const blocks = await replay(page);
if (process.argv.includes('--write')) {
  const lines = page.split('\n');
  for (const { from, to, shown } of blocks.toReversed()) lines.splice(from, to - from, ...shown);
  writeFileSync(PAGE, lines.join('\n'));
} else {
  const wrong = blocks.filter(({ lines, shown }) => !isSame(lines, shown));
  for (const { from, lines, shown } of wrong) {
    console.error(`docs/tutorial.md, line ${from + 1}: the page says\n\n${lines.join('\n')}\n`);
    console.error(`and the terminal shows\n\n${shown.join('\n')}\n`);
  }
  console.log(`${blocks.length} blocks replayed, ${wrong.length} differ`);
  if (wrong.length > 0) process.exitCode = 1;
}
process.exit();
