import { describe, expect, test } from '@jest/globals'
import { parseSettings } from './read-settings.js'

function settingsOf(more: string) {
  return parseSettings('c.yml', `version: 0.1\nstorage: {filesystem: {}}\nhttp: {addr: ":5000"}\n${more}`)
}

describe('YAML, where the parser of Go reads it in its own way', () => {
  test.each(['yes', 'Yes', 'on', 'y', 'TRUE', 'True', '"true"'])('%s is true', (word) => {
    expect(settingsOf(`log: {accesslog: {disabled: ${word}}}`).log.hasAccessLog).toBe(false)
  })

  test.each(['no', 'off', 'n', 'False'])('%s is false', (word) => {
    expect(settingsOf(`log: {accesslog: {disabled: ${word}}}`).log.hasAccessLog).toBe(true)
  })

  test.each([
    ['0x1F', 31],
    ['017', 15],
    ['0o17', 15],
    ['1_000', 1000],
    ['+7', 7],
    ['"7"', 7],
    ['0', 1000],
    ['-1', 1000],
    ['1000000', 100_000],
  ])('%s is a number', (text, number) => {
    expect(settingsOf(`catalog: {maxentries: ${text}}`).catalogLimit).toBe(number)
  })

  test('a scalar that a text is wanted of keeps its letters', () => {
    expect(settingsOf('store: {id: 0123}').store.id).toBe('0123')
    expect(settingsOf('store: {id: 1.10}').store.id).toBe('1.10')
    expect(settingsOf('store: {id: 12}').store.id).toBe('12')
    expect(settingsOf('store: {id: True}').store.id).toBe('True')
  })

  test('of two equal keys the last counts, and it is said', () => {
    const settings = settingsOf('log: {level: debug}\nlog: {level: error}')
    expect(settings.log.level).toBe('error')
    expect(settings.reading.notices).toEqual([
      {
        kind: 'repeated',
        key: '',
        sentence: 'line 5: a key stands twice in one map; the last one counts',
      },
    ])
  })

  test('merges what << names', () => {
    expect(
      settingsOf('log: &l {level: debug}\nlisteners: [{<<: {addr: ":1"}, anonymous: none}]').listeners,
    ).toHaveLength(2)
  })
})
