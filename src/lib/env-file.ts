/**
 * The text of an environment file with these variables set: those that are there are replaced in
 * place, the others follow; every other line stays as it is. Values are written so that Node's own
 * reader gives them back, line breaks included.
 */
export function withVariables(text: string, values: Readonly<Record<string, string>>): string {
  const left = new Map(Object.entries(values));
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const kept = lines.flatMap((line) => {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/.exec(line)?.[1];
    const value = name === undefined ? undefined : values[name];
    if (name === undefined || value === undefined) return [line];
    // A second line for the same name would win over the first: it goes.
    return left.delete(name) ? [assignment(name, value)] : [];
  });
  const added = [...left].map(([name, value]) => assignment(name, value));
  return `${[...kept, ...added].join('\n')}\n`;
}

const assignment = (name: string, value: string): string =>
  `${name}="${value.replaceAll('\r', '').replaceAll('\n', '\\n')}"`;
