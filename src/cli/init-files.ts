// What `dstack init` writes: by what a folder holds, the least that runs.

export interface Folder {
  /** Names in the folder itself. */
  readonly names: readonly string[];
  /** Texts of its workflows, by name. */
  readonly workflows: Readonly<Record<string, string>>;
  /** Where machines are to run. */
  readonly region: string;
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
  region: ${folder.region}
  rules:
    - instance-type: m5.large
      max: ${maxOf(folder)}
`;

export const workflowFile = (folder: Folder): string => `name: dstack
on:
  workflow_dispatch:
  push:
    branches: [${folder.branch}]
jobs:
  test:
    runs-on: [self-hosted, dstack]
    steps:
      - uses: actions/checkout@v4
${kindOf(folder)
  .steps.map((step) => `      - ${step}\n`)
  .join('')}`;
