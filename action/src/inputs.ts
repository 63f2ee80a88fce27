import { httpUrl, isLoopback, withoutSlash } from '../../src/lib/variable.ts';
import type { Io, Trouble } from './io.ts';

/** The inputs of the step: action.yml and the table in README.md are made from this. */
export const INPUTS = {
  command: {
    default: '',
    meaning:
      'One command, as in a comment, without `/dstack`: `autoscale allow m5.xlarge --max 3`. A run ' +
      'on the default branch may change rules; any other may look.',
  },
  'runs-on': {
    default: '',
    meaning:
      'Labels that jobs would ask for, such as `dstack cpu=4`, or a JSON list of them. The output ' +
      '`runs-on` is these labels when a machine would come now, else the fallback.',
  },
  fallback: {
    default: 'ubuntu-24.04',
    meaning: 'What `runs-on` is instead: a label, or JSON for several labels or a group.',
  },
  check: {
    default: '',
    meaning:
      'A rules file to check, such as `.github/dstack.yml`: mistakes become annotations at their ' +
      'lines, and fail the step. It needs neither the app nor a token.',
  },
  region: {
    default: '',
    meaning: 'For `check`: the region of rules that name none, where the app has such a default.',
  },
  url: {
    default: '',
    meaning: "The app's `PUBLIC_URL`. Without it the variable `DSTACK_SERVER` is read.",
  },
  summary: {
    default: 'true',
    meaning:
      "Whether the job's summary gets the answer of the command and, on a machine of ours, a table " +
      'of what the job ran on, what that costs and how long it waited. `true` or `false`.',
  },
} as const;

export const OUTPUTS = {
  ok: 'Of `command`: `true`, or `false` where it was refused; the step fails then.',
  text: 'Of `command`: the answer, as the command line shows it.',
  json: 'Of `command`: the answer as JSON; `/api/v1/openapi.json` of the app describes it.',
  'runs-on': 'JSON, for `fromJSON` in the `runs-on` of a job.',
  'is-fallback': 'Of `runs-on`: `true` where it is the fallback.',
  reason: 'Of `runs-on`: why, in one sentence.',
} as const;

export interface Inputs {
  readonly command: string;
  readonly runsOn: readonly string[];
  /** JSON. */
  readonly fallback: string;
  readonly check: string;
  readonly region: string;
  /** '' where none is given. */
  readonly url: string;
  readonly hasSummary: boolean;
}

/** As the runner hands an input over. */
const inputOf = (env: Io['env'], name: keyof typeof INPUTS): string =>
  (env[`INPUT_${name.toUpperCase()}`] ?? '').trim() || INPUTS[name].default;

export function readInputs(env: Io['env']): Inputs | Trouble {
  const command = inputOf(env, 'command').replace(/^\/?dstack\s+/, '');
  if (/[\r\n]/.test(command)) {
    return { what: 'command: one line is one command; use a step for each', isOutage: false };
  }
  const runsOn = labelsOf(inputOf(env, 'runs-on'));
  if (!runsOn) {
    const what = 'runs-on: write labels with a space between, or a JSON list of labels';
    return { what, isOutage: false };
  }
  const fallback = jsonOf(inputOf(env, 'fallback'));
  if (fallback === undefined) {
    const what = 'fallback: write a label, or JSON for a list of labels or a group';
    return { what, isOutage: false };
  }
  const summary = inputOf(env, 'summary').toLowerCase();
  if (summary !== 'true' && summary !== 'false') {
    return { what: 'summary: write true or false', isOutage: false };
  }
  const url = urlOf(inputOf(env, 'url') || (env['DSTACK_SERVER'] ?? ''));
  if (typeof url !== 'string') return url;
  return {
    ...{ command, runsOn, fallback, url },
    check: inputOf(env, 'check'),
    region: inputOf(env, 'region'),
    hasSummary: summary === 'true',
  };
}

const LABEL = /^[^\s,'"]{1,256}$/;

/** undefined: that is no list of labels. */
function labelsOf(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return text.split(/[\s,]+/).filter((label) => label !== '');
  const list = parsed(text);
  const isFine =
    Array.isArray(list) && list.every((one) => typeof one === 'string' && LABEL.test(one));
  return isFine && list.length > 0 ? list : undefined;
}

/** A bare label is text; what looks like JSON has to be it. */
function jsonOf(text: string): string | undefined {
  if (!/^[[{"]/.test(text)) return JSON.stringify(text);
  const value = parsed(text);
  return value === undefined ? undefined : JSON.stringify(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A token leaves this machine over https only. */
function urlOf(text: string): string | Trouble {
  if (text === '') return '';
  const url = httpUrl(text);
  if (!url) {
    return { what: `url: "${text}" is not an http or https address`, isOutage: false };
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    return { what: `url: "${text}" is not https, and would show the token`, isOutage: false };
  }
  return withoutSlash(url);
}
