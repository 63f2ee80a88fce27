import { command } from './spec.ts';
import { given } from './values.ts';

export const awsClear = command({
  name: 'aws clear',
  summary: 'Forgets the credentials of your AWS account. Refuses while instances run.',
  parameters: {
    force: {
      form: '--force',
      help: 'End running instances first',
      isRequired: false,
      value: given,
    },
  },
  examples: ['aws clear'],
  needs: 'admin',
  changes: true,
  doors: ['cli'],
});
