// Help of what only this program has; the rest is written by commands/.

export const POLICY_HELP = `
of this program:
  dstack aws policy        the IAM policy that the credentials need
  dstack aws teardown      delete the security group that dstack made, when you leave
`;

export const TEARDOWN_HELP = `usage: dstack aws teardown [-h] [--region=R]

Deletes the security group that dstack made in your AWS account, in its own region or in the one that
is named, and says what else is left. Run it before dstack aws clear; it refuses while machines run.
`;

export const MORE_HELP = `
of this program:
  dstack login             sign in to the app with GitHub; dstack logout forgets it
  dstack init              write a first rules file and a sample workflow for this repository
  dstack doctor            look what is wrong, where the app runs and from where you are
  dstack serve             the app, from environment variables
  dstack demo [--once]     the app on a sandbox GitHub and EC2; needs no account
  dstack aws policy        the IAM policy that the credentials need
  dstack aws teardown      delete the security group that dstack made, when you leave

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

const PAGES: Readonly<Record<string, string>> = {
  login: `usage: dstack login [-h] [--server URL]

Signs in to the app with GitHub: shows a code to type on GitHub's page, and keeps the token for you
alone in ~/.config/dstack/login.json (XDG_CONFIG_HOME). DSTACK_TOKEN and GH_TOKEN go before it; without
either the token of gh auth login is used.

The App's owner has to tick "Enable Device Flow" in the settings of the GitHub App once.
`,
  logout: `usage: dstack logout [-h] [--server URL]

Forgets the token that dstack login kept.
`,
  init: `usage: dstack init [-h] [--yes]

Writes .github/dstack.yml and a sample workflow at the top of this git repository, by what is there.
Both are shown before they are written, and no file that is there is changed.
`,
  doctor: `usage: dstack doctor [-h] [--json]

Looks at what the app needs, one line each: ok, warn or FAIL, and what to do. Where the app runs (its
variables are in the environment or in .env) it looks at GitHub, webhooks, permissions, AWS and the
clock; elsewhere at the way from here to the app.
`,
  serve: `usage: dstack serve

The app, from environment variables and the .env of this folder. Without APP_ID it serves a page that
registers the GitHub App. docs/reference.md has all variables; Ctrl-C ends it.
`,
};

export const pageOf = (topic: string): string | undefined => PAGES[topic];
