import fc from 'fast-check';
import { parseCommand } from '../../src/commands/parse.ts';
import type { Command, CommandError, CommandName } from '../../src/model/command.ts';

export function commandOf(line: string): Command {
  const parsed = parseCommand(line);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.command;
}

export function errorOf(...args: Parameters<typeof parseCommand>): CommandError {
  const parsed = parseCommand(...args);
  if (parsed.ok) throw new Error(`${args[0]} is ${JSON.stringify(parsed.command)}`);
  return parsed.error;
}

const named = <N extends CommandName>(name: N) => fc.constant(name);
const aRegion = fc.constantFrom('eu-west-1', 'us-gov-east-1');

/** Any command that can be written. */
export const aCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.record(
    {
      name: named('autoscale allow'),
      type: fc.constantFrom('m5.xlarge', 'u-6tb1.metal', 'c7i.metal-24xl'),
      max: fc.integer({ min: 0, max: 1000 }),
      region: aRegion,
      spotPolicy: fc.constantFrom('spot', 'on-demand', 'auto'),
      maxPriceUsd: fc.integer({ min: 1, max: 10_000_000 }).map((n) => n / 10_000),
    },
    { requiredKeys: ['name', 'type', 'max'] },
  ),
  fc.record(
    {
      name: named('autoscale explain'),
      job: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      runsOn: fc.array(fc.constantFrom('dstack', 'dstack/gpu=A10G:2', 'CPU=4..8'), {
        minLength: 1,
        maxLength: 20,
      }),
    },
    { requiredKeys: ['name'] },
  ),
  fc.record(
    {
      name: named('aws configure'),
      accessKeyId: fc.constant('AKIAIOSFODNN7EXAMPLE'),
      roleArn: fc.constant('arn:aws:iam::123456789012:role/a/b+c'),
      region: aRegion,
      bucket: fc.constant('my.bucket-1'),
    },
    { requiredKeys: ['name'] },
  ),
  fc.record(
    { name: named('aws clear'), force: fc.constant(true as const) },
    { requiredKeys: ['name'] },
  ),
  fc.record(
    { name: named('help'), topic: fc.constantFrom('autoscale', 'aws', 'help', 'aws info') },
    { requiredKeys: ['name'] },
  ) as fc.Arbitrary<Command>,
  fc.constantFrom<Command>(
    { name: 'autoscale info' },
    { name: 'autoscale clear' },
    { name: 'autoscale disable' },
    { name: 'autoscale enable' },
    { name: 'runners' },
    { name: 'aws info' },
  ),
);
