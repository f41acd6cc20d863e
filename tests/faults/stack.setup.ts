/** Boots the part of the stack that log lines pass through, for the tests that break it. */
import type { TestProject } from 'vitest/node'
import { boot } from '../e2e/stack.setup.ts'

export default (project: TestProject): Promise<() => Promise<void>> =>
  boot(project, process.env['FAULTS_PROJECT'] ?? 'observability-stack-faults', [
    'app',
    'load-generator',
    'log-generator',
    'promtail',
    'loki',
  ])
