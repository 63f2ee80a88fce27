import type { HelpTopic } from '../model/command.ts';

// Help of what only this program has; the rest is written by commands/.

const AWS_HELP = `
of this program:
  dstack aws policy        the IAM policy that the credentials need
  dstack aws teardown      delete the security group that dstack made, when you leave
`;

const MORE_HELP = `
of this program:
  dstack login             sign in to the app with GitHub; dstack logout forgets it
  dstack init              write a first rules file and a sample workflow for this repository
  dstack doctor            look what is wrong, where the app runs and from where you are
  dstack serve             the app, from environment variables
  dstack demo [--once]     the app on a sandbox GitHub and EC2; needs no account
  dstack aws policy        the IAM policy that the credentials need
  dstack aws teardown      delete the security group that dstack made, when you leave
  dstack --version         which version this is

options of commands that ask the app:
  --server URL             where it is (DSTACK_SERVER, PUBLIC_URL, else where you signed in)
  --repo OWNER/NAME        which repository; without it the git remote of this folder
  --owner LOGIN            an owner's AWS account instead; --repo then names whom it serves
  --token TOKEN            a token of GitHub (DSTACK_TOKEN, GH_TOKEN, dstack login, gh auth token)
  --json                   data instead of text
  --yes                    end machines, or write files, without asking

exit codes:
  0 done   1 refused or failed   2 not understood   4 not signed in   130 cancelled
`;

const COMMON = `
common options: --repo OWNER/NAME, --server URL, --token TOKEN, --json; dstack --help says more
`;
const YES_HELP = `
options of this program:
  --yes          End machines without asking
`;
const OWNER = `\
  --owner LOGIN  An owner's AWS account; each --repo then names a repository that it serves
`;
const OWNER_HELP = `
options of this program:
${OWNER}`;

/** What this program adds to the help of a command, which is the same at every door. */
export function addedHelp(topic: HelpTopic | undefined): string {
  switch (topic) {
    case undefined:
      return MORE_HELP;
    case 'aws':
      return AWS_HELP;
    case 'autoscale':
    case 'help':
      return '';
    case 'autoscale clear':
    case 'autoscale disable':
      return `${YES_HELP}${COMMON}`;
    default:
      return topic.startsWith('aws ') ? `${OWNER_HELP}${COMMON}` : COMMON;
  }
}

const PAGES: Readonly<Record<string, string>> = {
  login: `usage: dstack login [-h] [--server URL]

Signs in to the app with GitHub: shows a code to type on GitHub's page, and keeps the token for you
alone in ~/.config/dstack/login.json (XDG_CONFIG_HOME). DSTACK_TOKEN goes before it, and so does GH_TOKEN
for an app of github.com (GH_ENTERPRISE_TOKEN for another's); without any the token of gh auth login is used.

The App's owner has to tick "Enable Device Flow" in the settings of the GitHub App once.
`,
  logout: `usage: dstack logout [-h] [--server URL]

Forgets the token that dstack login kept.
`,
  init: `usage: dstack init [-h] [--yes]

Writes .github/dstack.yml and a sample workflow at the top of this git repository, by what is there.
Both are shown before they are written, and no file that is there is changed.
`,
  doctor: `usage: dstack doctor [-h] [--server URL] [--repo OWNER/NAME] [--token TOKEN] [--json]

Looks at what the app needs, one line each: ok, warn or FAIL, and what to do. Where the app runs (its
variables are in the environment or in .env) it looks at GitHub, webhooks, permissions, AWS and the
clock; elsewhere, or with --server, at the way from here to the app, and with --repo at that repository.
`,
  serve: `usage: dstack serve [-h]

The app, from environment variables and the .env of this folder. Without APP_ID it serves a page that
registers the GitHub App. docs/reference.md has all variables; Ctrl-C ends it.
`,
  demo: `usage: dstack demo [-h] [OPTION…]

The real app on a sandbox GitHub and EC2: no account is used, nothing leaves this machine.

  --once       a small workload to its end; the last line of stdout is one JSON object
  --jobs N     with --once: how many jobs, 1 to 2000 (20)
  --seed S     another workload (7)
  --port P     where the app listens (3000; with --once any free port)
  -h, --help   this text

In a clone: npm run demo -- OPTION…
`,
  'aws policy': `usage: dstack aws policy [-h] [--account ID] [--region R] [--bucket NAME] [--on-demand]

Prints the IAM policy for the credentials of an AWS account: the least that works.
It needs no server, and reads nothing of yours.

optional arguments:
  -h, --help     Show this help
  --account ID   For this AWS account alone: its 12 digits
  --region R     For this region alone
  --bucket NAME  Also for artifacts in your own S3 bucket
  --on-demand    Also for rules that may launch on demand
`,
  'aws teardown': `usage: dstack aws teardown [-h] [--region R]

Deletes the security group that dstack made in your AWS account, and says what else is left. Run it
before dstack aws clear; it refuses while machines run.

optional arguments:
  -h, --help     Show this help
  --region R     In this region; without it in the account's own
${OWNER}${COMMON}`,
};

/** Commands that no other door has. */
export const OWN_COMMANDS: readonly string[] = Object.keys(PAGES);

/** The one that the words begin with. */
export const ownName = (words: readonly string[]): string | undefined =>
  OWN_COMMANDS.find((name) => `${words.join(' ')} `.startsWith(`${name} `));

export const pageOf = (name: string): string => PAGES[name] ?? '';
