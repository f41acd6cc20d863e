import { defineConfig } from 'vitest/config'

// The stack is booted by what boots it for the end-to-end tests.
export default defineConfig({
  test: {
    root: '.',
    include: ['bench/stack/*.bench.ts'],
    globalSetup: ['tests/e2e/stack.setup.ts'],
    testTimeout: 900_000,
    hookTimeout: 600_000,
  },
})
