/** What a machine of the sandbox reads of its user data: the rest of the script is for real ones. */
const ASSIGNMENT = /^(?:export )?([A-Z][A-Z0-9_]*)=([A-Za-z0-9._:/+=-]+)$/;

export function assignmentsOf(userData: string): ReadonlyMap<string, string> {
  const found = userData.split('\n').flatMap((line) => {
    const [, name, value] = ASSIGNMENT.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return new Map(found);
}
