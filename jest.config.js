import { assertNode } from './bin/node-version.js';

assertNode();

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/scripts/jest-strip-types.mjs' },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  // Shared machines stall for seconds; a hung test is found by this, a slow one is not failed by it.
  testTimeout: 60_000,
};
