import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';

// GitHub's published schemas as the judge of every payload that the sandbox sends.

const schemaPath = createRequire(import.meta.url).resolve('@octokit/webhooks-schemas/schema.json');
const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addFormat('uri-template', true);
ajv.addSchema(JSON.parse(readFileSync(schemaPath, 'utf8')), 'github');

/** Everything in which a payload differs from the schema of its event and action. */
export function webhookProblems(event: string, payload: object): string[] {
  const action = 'action' in payload ? String(payload.action) : 'event';
  const check = ajv.getSchema(`github#/definitions/${event}$${action}`);
  if (check === undefined) return [`no schema for ${event} ${action}`];
  if (check(JSON.parse(JSON.stringify(payload)))) return [];
  return (check.errors ?? []).map(
    (error) => `${event} ${action}${error.instancePath} ${error.message}`,
  );
}
