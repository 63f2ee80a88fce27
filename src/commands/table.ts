import type { CommandGroup, CommandName } from '../model/command.ts';
import { autoscaleAllow } from './autoscale-allow.ts';
import { autoscaleClear } from './autoscale-clear.ts';
import { autoscaleDisable } from './autoscale-disable.ts';
import { autoscaleEnable } from './autoscale-enable.ts';
import { autoscaleExplain } from './autoscale-explain.ts';
import { autoscaleInfo } from './autoscale-info.ts';
import { awsClear } from './aws-clear.ts';
import { awsConfigure } from './aws-configure.ts';
import { awsInfo } from './aws-info.ts';
import { help } from './help.ts';
import { runners } from './runners.ts';
import type { CommandSpec } from './spec.ts';

/** Every command there is, in the order of help. */
export const COMMANDS: Readonly<Record<CommandName, CommandSpec>> = {
  'autoscale allow': autoscaleAllow,
  'autoscale info': autoscaleInfo,
  'autoscale clear': autoscaleClear,
  'autoscale disable': autoscaleDisable,
  'autoscale enable': autoscaleEnable,
  'autoscale explain': autoscaleExplain,
  runners,
  'aws info': awsInfo,
  'aws configure': awsConfigure,
  'aws clear': awsClear,
  help,
};

export const ALL_COMMANDS: readonly CommandSpec[] = Object.values(COMMANDS);

export const GROUPS: readonly CommandGroup[] = ['autoscale', 'aws'];

export const commandsIn = (group: CommandGroup): readonly CommandSpec[] =>
  ALL_COMMANDS.filter(({ name }) => name.startsWith(`${group} `));
