import { readFileSync } from 'node:fs';

/** One job of a month, as a line of the workload's CSV has it. */
export interface Line {
  readonly queuedAtS: number;
  readonly repository: string;
  readonly run: string;
  readonly job: string;
  readonly cpu: number;
  readonly memoryGb: number;
  readonly durationS: number;
  /** The job of its run that it waits for; '' for none. */
  readonly needs: string;
}

const COLUMNS = 'queued_at_s,repository,run,job,cpu,memory_gb,duration_s,needs';

export const MONTH = new URL('../data/month.csv', import.meta.url);

/** Throws for what is no workload, with the line that is none. */
export function readWorkload(file: string | URL): readonly Line[] {
  const [header = '', ...rows] = readFileSync(file, 'utf8').trimEnd().split(/\r?\n/);
  if (header.trim() !== COLUMNS) throw new Error(`${file}: the first line is not "${COLUMNS}"`);
  const lines = rows.map((row, i) => {
    const cells = row.split(',');
    const [at, repository = '', run = '', job = '', cpu, memory, duration, needs = ''] = cells;
    const [queuedAtS = 0, vcpus = 0, memoryGb = 0, durationS = 0] = [at, cpu, memory, duration].map(
      Number,
    );
    const isGood = [queuedAtS, vcpus, memoryGb, durationS].every(
      (value) => Number.isFinite(value) && value >= 0,
    );
    if (cells.length !== 8 || !isGood || job === '') {
      throw new Error(`${file}, line ${i + 2}: not a job: ${row}`);
    }
    return { queuedAtS, repository, run, job, cpu: vcpus, memoryGb, durationS, needs };
  });
  const known = new Set(lines.map(keyOf));
  const lost = lines.find((line) => line.needs !== '' && !known.has(neededBy(line)));
  if (lost) throw new Error(`${file}: ${keyOf(lost)} needs "${lost.needs}", which its run has not`);
  return lines;
}

export const keyOf = ({ repository, run, job }: Pick<Line, 'repository' | 'run' | 'job'>): string =>
  `${repository}/${run}/${job}`;

/** The key of the job that it waits for. */
export const neededBy = ({ repository, run, needs }: Line): string =>
  keyOf({ repository, run, job: needs });

/** Who waits for whom: the lines by the key of the job that they need. */
export const byNeed = (lines: readonly Line[]): ReadonlyMap<string, readonly Line[]> =>
  Map.groupBy(
    lines.filter(({ needs }) => needs !== ''),
    neededBy,
  );
