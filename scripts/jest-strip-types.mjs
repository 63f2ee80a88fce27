// The jest transformer: Node's own parser strips the types, so tests run the very code that Node runs.
import { stripTypeScriptTypes } from 'node:module';

export default {
  process(source, filename) {
    if (!filename.endsWith('.ts')) return { code: source };
    return { code: stripTypeScriptTypes(source, { mode: 'strip' }) };
  },
};
