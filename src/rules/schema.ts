import { file } from './keys.ts';
import type { JsonSchema } from './kinds.ts';

/** The JSON Schema of `.github/dstack.yml`, for editors: what the parser accepts, key by key. */
export const rulesSchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: '.github/dstack.yml',
  ...file.schema,
};
