import { expect, test } from 'vitest'
import { readLoadConfig, readLogsConfig } from './config.ts'

test('Without an environment both commands have what they need', () => {
  expect(readLoadConfig({})).toMatchObject({
    TARGET_URL: 'http://app:8080',
    LOAD_CLIENTS: 25,
    LOAD_REQUESTS_PER_SECOND: 20,
    LOAD_WAVE_SECONDS: 600,
    LOAD_MAX_REQUESTS: 0,
    LOAD_TIMEOUT_MS: 10_000,
    LOAD_SEED: 0,
    HEARTBEAT_FILE: '/tmp/heartbeat',
  })
  expect(readLogsConfig({})).toMatchObject({
    SERVICE_NAME: 'log-generator',
    LOG_ROOT: '/var/log/services',
    LOG_LINES_PER_SECOND: 5,
    LOG_MAX_LINES: 0,
    LOG_SEED: 0,
    HEARTBEAT_FILE: '/tmp/heartbeat',
  })
})

test('Rates may be fractions, and a trailing slash of the target does not matter', () => {
  expect(readLogsConfig({ LOG_LINES_PER_SECOND: '0.5' }).LOG_LINES_PER_SECOND).toBe(0.5)
  expect(readLoadConfig({ TARGET_URL: 'http://localhost:8080/' }).TARGET_URL).toBe('http://localhost:8080')
})

test.for([
  ['LOAD_CLIENTS', '0', 'must be a whole number from 1 to 1000'],
  ['LOAD_REQUESTS_PER_SECOND', '-1', 'must be a number from 0 to 10000'],
  ['LOAD_WAVE_SECONDS', '1.5', 'must be a whole number from 0 to 86400'],
  ['TARGET_URL', 'app:8080', 'must be http:// or https://, a host and a port, such as http://app:8080'],
  ['TARGET_URL', 'http://app:8080/path', 'must be http:// or https://, a host and a port, such as http://app:8080'],
] as const)('load refuses %s=%s and says what is allowed', ([name, value, allowed]) => {
  expect(() => readLoadConfig({ [name]: value })).toThrow(`${name}="${value}": ${allowed}`)
})

test.for([
  ['LOG_LINES_PER_SECOND', 'abc', 'must be a number from 0 to 50000'],
  ['LOG_LINES_PER_SECOND', '50001', 'must be a number from 0 to 50000'],
  ['LOG_LINES_PER_SECOND', '', 'must be a number from 0 to 50000'],
  ['LOG_MAX_LINES', '1e3', 'must be a whole number from 0 to 1000000000'],
  ['SERVICE_NAME', '../app', 'must be letters, digits, - and _, 63 at most'],
] as const)('logs refuses %s=%s and says what is allowed', ([name, value, allowed]) => {
  expect(() => readLogsConfig({ [name]: value })).toThrow(`${name}="${value}": ${allowed}`)
})
