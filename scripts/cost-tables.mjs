// The tables of docs/cost.md, from the figures that "npm run bench -- economy --write" keeps.

const dollars = (usd) => `$${usd.toFixed(2)}`;
const times = (ratio) => (ratio === null ? '–' : ratio.toFixed(3));
const table = (header, rows) =>
  [header, header.map(() => '--:'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const BANDS = {
  Under1Min: 'under 1 min',
  '1To5Min': '1 to 5 min',
  '5To15Min': '5 to 15 min',
  '15To60Min': '15 to 60 min',
  Over1H: 'over 1 h',
};
const CAUSES = {
  surplus: 'surplus: had no job',
  idle: 'idle: waited for one',
  teardown: 'teardown: ended after its last',
  reclaimed: 'reclaimed: taken in the middle',
};

/** By the names of the marks in the page. */
export function costTables(figures) {
  const { 'job 1': main, 'workflow 1': reusing } = figures;
  const seeds = Object.entries(figures).filter(([name]) => name.startsWith('job '));
  const perPolicy = [
    ['this app', main.usd, times(main.ratioToClairvoyant), main.waitP50S, main.waitP99S],
    ['who knew the month beforehand', main.clairvoyantUsd, times(1), '0', '0'],
    [
      'a policy like github-aws-runners',
      main.peerUsd,
      times(main.peerUsd / main.clairvoyantUsd),
      main.peerWaitP50S,
      main.peerWaitP99S,
    ],
    ["GitHub's own runners", main.hostedUsd, times(main.hostedUsd / main.clairvoyantUsd), '–', '–'],
  ].map(([who, usd, ...rest]) => [who, dollars(usd), ...rest]);
  const capital = (cause) => cause.charAt(0).toUpperCase() + cause.slice(1);
  return {
    policies: table(['', 'dollars', '÷ the least', 'wait p50, s', 'wait p99, s'], perPolicy),
    bands: table(
      ['jobs that take', '÷ the least'],
      Object.entries(BANDS).map(([band, name]) => [name, times(main[`ratio${band}`])]),
    ),
    waste: table(
      ['machine-hours', 'this app', 'a policy like github-aws-runners'],
      [
        ...Object.entries(CAUSES).map(([cause, name]) => [
          name,
          main[`${cause}Hours`],
          main[`peer${capital(cause)}Hours`],
        ]),
        ['all, work and boot too', main.machineHours, main.peerMachineHours],
      ],
    ),
    reuse: table(
      ['`reuse`', 'dollars', '÷ the least', 'wait p99, s', 'idle machine-hours'],
      [
        ['`job`', main],
        ['`workflow`', reusing],
      ].map(([name, { usd, ratioToClairvoyant, waitP99S, idleHours }]) => [
        name,
        dollars(usd),
        times(ratioToClairvoyant),
        waitP99S,
        idleHours,
      ]),
    ),
    seeds: table(
      ['market seed', 'dollars', '÷ the least', 'jobs cut by EC2', 'wait p99, s'],
      seeds
        .sort(([a], [b]) => Number(a.slice(4)) - Number(b.slice(4)))
        .map(([name, one]) => [
          name.slice(4),
          dollars(one.usd),
          times(one.ratioToClairvoyant),
          one.interruptedJobs,
          one.waitP99S,
        ]),
    ),
  };
}
