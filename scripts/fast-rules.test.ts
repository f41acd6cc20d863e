import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { accelerate, seconds } from './fast-rules.ts'

const speed = { factor: 20, scrapeSeconds: 2 }

describe('a duration', () => {
  it.each([
    ['90s', 90],
    ['1h30m', 5400],
    ['30d', 2_592_000],
    ['500ms', 0.5],
  ])('%s is %d seconds', (text, value) => {
    expect(seconds(text)).toBe(value)
  })

  it.each(['', '5', 'm', '5x', '5m!'])('%j is refused', (text) => {
    expect(() => seconds(text)).toThrow('not a duration')
  })
})

describe('accelerate', () => {
  it.each([
    ['rate(x[5m])', 'rate(x[15s])'],
    ['sum_over_time(job:http_errors:rate5m[30d])', 'sum_over_time(job:http_errors:rate5m[129600s])'],
    ['x unless x offset 10m', 'x unless x offset 30s'],
    ['(x offset 10m) > 0', '(x offset 30s) > 0'],
    ['        for: 3h', '        for: 540s'],
    ['      group_interval: 1m', '      group_interval: 3s'],
  ])('makes %j %j', (slow, fast) => {
    expect(accelerate(slow, speed)).toBe(fast)
  })

  it('leaves four scrapes in the shortest window', () => {
    expect(accelerate('rate(x[1m])', speed)).toBe('rate(x[8s])')
  })

  it('leaves at least a second to wait, and none where there was none', () => {
    expect(accelerate('  for: 10s', speed)).toBe('  for: 1s')
    expect(accelerate('  group_wait: 0s', speed)).toBe('  group_wait: 0s')
  })

  it.each(['scrape_interval', 'evaluation_interval', 'scrape_timeout'])('sets %s', (key) => {
    expect(accelerate(`  ${key}: 15s`, speed)).toBe(`  ${key}: 2s`)
  })

  it('leaves labels, texts, names and comments as they are', () => {
    const text = [
      '# for: 5m',
      '  window: 1h',
      '  record: job:x:rate5m',
      '  description: over 6 h, 5m',
      'le="0.3"',
    ].join('\n')
    expect(accelerate(text, speed)).toBe(text)
  })

  it('leaves no slow window in the rules of the repository', async () => {
    const folder = join(import.meta.dirname, '../prometheus/rules')
    const names = (await readdir(folder)).filter((name) => name.endsWith('.rules.yml'))
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
    const code = accelerate(texts.join('\n'), speed).replaceAll(/^\s*#.*$/gm, '')
    expect(code).toMatch(/\[15s\]/)
    expect(code.match(/\[\d+[mhdw]\]|offset \d+[mhdw]|for: \d+[mhdw]/g)).toBeNull()
  })
})
