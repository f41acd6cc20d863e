import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// The end-to-end files use one stack in turn: always in the same order.
class Alphabetical extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => a.moduleId.localeCompare(b.moduleId))
  }
}

// A folder, where a machine reads the results of each run; people read the summary.
const reports = process.env['TEST_REPORTS']

// Tests that start the programs themselves, as processes.
const programs = ['app/src/main.test.ts', 'generators/src/load.test.ts', 'generators/src/logs.test.ts']

export default defineConfig({
  test: {
    reporters: reports ? ['default', ['json', { outputFile: `${reports}/${process.pid}.json` }]] : ['default'],
    sequence: { sequencer: Alphabetical },
    // Most files start processes of their own: more workers than this only wait for each other.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'app/src/**/*.test.ts',
            'generators/src/**/*.test.ts',
            'alertmanager/**/*.test.ts',
            'scripts/**/*.test.ts',
          ],
          exclude: programs,
          // A deadline for a machine that is busy with other things; none of them waits for nothing.
          testTimeout: 60_000,
        },
      },
      { test: { name: 'programs', include: programs, testTimeout: 60_000 } },
      {
        test: {
          name: 'config',
          include: ['tests/config/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          globalSetup: ['tests/e2e/stack.setup.ts'],
          // One stack, used in turn: two files at once would count each other's requests.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          // Not part of `npm test`: an outage of twelve minutes takes twelve minutes.
          name: 'faults',
          include: ['tests/faults/**/*.test.ts', 'tests/e2e/pipeline-*.test.ts'],
          globalSetup: ['tests/faults/stack.setup.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
