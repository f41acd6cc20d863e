import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from './config.ts'

test('an empty environment gives the defaults', () => {
  expect({ ...readConfig({}) }).toEqual({
    HOST: '0.0.0.0',
    PORT: 8080,
    SERVICE_NAME: 'app',
    LOG_ROOT: '/var/log/services',
    LOG_SEGMENT_BYTES: 67_108_864,
    LOG_BUDGET_BYTES: 536_870_912,
    LOG_LEVEL: 'info',
    TRUST_PROXY: false,
    FAULTS_ENABLED: false,
    ITEMS_MAX: 1000,
    SHUTDOWN_TIMEOUT_MS: 8000,
  })
})

test('values are read from the environment', () => {
  const environment = { PORT: '0', TRUST_PROXY: 'true', SERVICE_NAME: 'my-app_2', LOG_LEVEL: 'debug', OTHER: 'x' }
  expect(readConfig(environment)).toMatchObject({
    PORT: 0,
    TRUST_PROXY: true,
    SERVICE_NAME: 'my-app_2',
    LOG_LEVEL: 'debug',
  })
})

describe('a wrong value is refused in one line that names the variable, the value and what is allowed', () => {
  test.for([
    ['PORT', '99999', 'must be a whole number from 0 to 65535'],
    ['PORT', '80.5', 'must be a whole number from 0 to 65535'],
    ['PORT', '-1', 'must be a whole number from 0 to 65535'],
    ['PORT', '0x50', 'must be a whole number from 0 to 65535'],
    ['PORT', ' 80', 'must be a whole number from 0 to 65535'],
    ['LOG_SEGMENT_BYTES', '10', 'must be a whole number from 65536 to 1073741824'],
    ['LOG_BUDGET_BYTES', '64MB', 'must be a whole number from 131072 to 1099511627776'],
    ['ITEMS_MAX', '0', 'must be a whole number from 1 to 1000000'],
    ['SHUTDOWN_TIMEOUT_MS', 'soon', 'must be a whole number from 0 to 600000'],
    ['SERVICE_NAME', '../other', 'must be letters, digits, - and _, 63 at most'],
    ['SERVICE_NAME', 'a\nb', 'must be letters, digits, - and _, 63 at most'],
    ['LOG_LEVEL', 'loud', '[debug,info,warn,error,fatal]'],
    ['TRUST_PROXY', 'maybe', 'bool'],
    ['FAULTS_ENABLED', 'sometimes', 'bool'],
  ] as const)('%s=%s', ([name, value, allowed]) => {
    const read = () => readConfig({ [name]: value })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(`${name}=${JSON.stringify(value)}: `)
    expect(read).toThrow(allowed)
    expect(read).not.toThrow(/\n/)
  })
})

test('several wrong values are refused together, one line each', () => {
  expect(() => readConfig({ PORT: 'x', ITEMS_MAX: 'y' })).toThrow(/^PORT="x": .+\nITEMS_MAX="y": [^\n]+$/)
})
