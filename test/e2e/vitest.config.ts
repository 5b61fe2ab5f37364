import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 40_000,
    hookTimeout: 60_000,
    // Each file has a host, its node and a browser: more than two at a time only wait for each other.
    maxWorkers: 2,
    reporters: ['default'],
  },
});
