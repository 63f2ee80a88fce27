// What `dstack init` writes: by what a folder holds, the least that runs.

export interface Folder {
  /** The top of the git repository: GitHub reads the files there, and nowhere below. */
  readonly top: string;
  /** Names in the folder itself. */
  readonly names: readonly string[];
  /** Texts of its workflows, by name. */
  readonly workflows: Readonly<Record<string, string>>;
  /** The default branch. */
  readonly branch: string;
}

interface Kind {
  readonly found: string;
  readonly language: string;
  readonly steps: readonly string[];
}

/** The first that fits: what the sample runs is what people run by hand. */
const KINDS: readonly Kind[] = [
  {
    found: 'package-lock.json',
    language: 'Node',
    steps: ['uses: actions/setup-node@v4', 'run: npm ci', 'run: npm test'],
  },
  {
    found: 'package.json',
    language: 'Node',
    steps: ['uses: actions/setup-node@v4', 'run: npm install', 'run: npm test'],
  },
  { found: 'go.mod', language: 'Go', steps: ['uses: actions/setup-go@v5', 'run: go test ./...'] },
  { found: 'Cargo.toml', language: 'Rust', steps: ['run: cargo test'] },
  {
    found: 'pyproject.toml',
    language: 'Python',
    steps: ['uses: actions/setup-python@v5', 'run: pip install . pytest', 'run: pytest'],
  },
  {
    found: 'requirements.txt',
    language: 'Python',
    steps: ['uses: actions/setup-python@v5', 'run: pip install -r requirements.txt', 'run: pytest'],
  },
  { found: 'Makefile', language: 'make', steps: ['run: make test'] },
];
const NOTHING: Kind = { found: '', language: '', steps: ['run: uname -a && nproc'] };

export const kindOf = ({ names }: Folder): Kind =>
  KINDS.find(({ found }) => names.includes(found)) ?? NOTHING;

/** Jobs that GitHub's own Linux machines run now. */
export const hostedJobs = ({ workflows }: Folder): readonly string[] =>
  Object.entries(workflows).flatMap(([name, text]) =>
    [...text.matchAll(/^ +runs-on: +\[?['"]?(ubuntu-[\w.-]+)/gm)].map(
      ([, image = '']) => `${name} (${image})`,
    ),
  );

/** As many machines as there are jobs to run at once, within reason. */
const maxOf = (folder: Folder): number => Math.min(8, Math.max(2, hostedJobs(folder).length));

export const rulesFile = (
  folder: Folder,
): string => `# What may run for this repository, and how many of it.
autoscale:
  # Machines start in the region of the AWS account (dstack aws info); "region: eu-west-1" here, or in
  # a rule, is another one.
  rules:
    - instance-type: m5.large
      max: ${maxOf(folder)}
`;

/** A branch may be called 1.0, or a, b. */
const asYaml = (text: string): string =>
  /^[A-Za-z][\w./-]*$/.test(text) ? text : JSON.stringify(text);

export const workflowFile = (folder: Folder): string => `name: dstack
on:
  workflow_dispatch:
  push:
    branches: [${asYaml(folder.branch)}]
jobs:
  test:
    runs-on: [self-hosted, dstack]
    steps:
      - uses: actions/checkout@v5
${kindOf(folder)
  .steps.map((step) => `      - ${step}\n`)
  .join('')}`;
