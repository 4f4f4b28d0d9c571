import { describe, expect, test } from '@jest/globals'
import { goDuration, logfmt } from './logfmt.js'
import { type LogSettings, openLog } from './log.js'
import type { LogSink } from './log-sink.js'
import type { Clock } from './clock.js'

function memory(): { sink: LogSink; lines: string[] } {
  const lines: string[] = []
  return { lines, sink: { dropped: 0, write: (line) => lines.push(line), close: () => Promise.resolve() } }
}

const clock: Pick<Clock, 'now'> = { now: () => new Date('2026-03-01T12:00:00.000Z') }
const settings: LogSettings = { level: 'info', formatter: 'text', fields: { service: 'registry' } }

describe('the text formatter', () => {
  test('writes what logrus writes: sorted keys, quotes where they are needed', () => {
    const { sink, lines } = memory()
    openLog(settings, sink, clock).warn(
      { b: 'two words', a: 1, 'http.request.uri': '/v2/_catalog?n=1' },
      'said',
    )
    expect(lines).toEqual([
      'time="2026-03-01T12:00:00.000Z" level=warning msg=said a=1 b="two words" http.request.uri="/v2/_catalog?n=1" service=registry\n',
    ])
  })

  test.each([
    'a\r\nlevel=error msg=forged',
    '\u001b[31mred',
    'quote"',
    'line\u2028end',
    '\u009b31m',
    'x=y',
    '',
  ])('keeps %j of a client on one harmless line', (text) => {
    const line = logfmt({ key: text })
    expect(line).toMatch(/^key="[\x20-\x7e]*"$/)
  })

  test('says what an error says', () => {
    expect(logfmt({ err: new TypeError('there is no room') })).toMatch(
      /^err="TypeError: there is no room\\n {4}at .*log\.test/,
    )
  })

  test('leaves out what is not there', () => {
    expect(logfmt({ a: undefined, b: 1 })).toBe('b=1')
  })
})

describe('the JSON formatter', () => {
  test('writes one object a line, with the fields of the configuration', () => {
    const { sink, lines } = memory()
    openLog({ ...settings, formatter: 'json' }, sink, clock).info({ a: 'x\r\ny' }, 'said')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^[^\n]*\n$/)
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: '2026-03-01T12:00:00.000Z',
      service: 'registry',
      a: 'x\r\ny',
      msg: 'said',
    })
  })
})

test.each(['text', 'json'] as const)('the level of the configuration holds for %s', (formatter) => {
  const { sink, lines } = memory()
  const log = openLog({ ...settings, formatter, level: 'warn' }, sink, clock)
  log.info({}, 'not this')
  log.warn({}, 'this')
  log.error({}, 'and this')
  expect(lines).toHaveLength(2)
})

test.each([
  [0.0567, '56.7µs'],
  [1.0535, '1.054ms'],
  [2500, '2.5s'],
  [61_500, '1m1.5s'],
  [3_661_000, '1h1m1s'],
])('%d ms read as Go prints them', (ms, text) => {
  expect(goDuration(ms)).toBe(text)
})
