import { randomBytes } from 'node:crypto';

export interface Random {
  /** `bytes` of chance as lower-case hex, fit for ids and nonces. */
  hex(bytes: number): string;
  /** At least 0, below 1: for jitter and for ties. */
  unit(): number;
}

export const systemRandom: Random = {
  hex: (bytes) => randomBytes(bytes).toString('hex'),
  unit: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
