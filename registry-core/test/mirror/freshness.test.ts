import { describe, expect, test } from '@jest/globals'
import { freshMsFor, isFresh } from '#core/mirror/manifests/freshness.js'
import { compileGlob } from '#core/oci/glob.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'

const NOW = new Date('2026-03-01T12:00:00.000Z')
const FIVE_MINUTES = 300_000

function before(ms: number): Date {
  return new Date(NOW.getTime() - ms)
}

describe('a tag is fresh', () => {
  test.each([
    ['just checked', 0, true],
    ['checked a moment less than its time ago', FIVE_MINUTES - 1, true],
    ['checked its time ago', FIVE_MINUTES, false],
    ['checked by a process whose clock is some seconds ahead', -5000, true],
    ['checked an hour in the future: the clock went back', -3_600_000, false],
  ])('when it was %s', (_when, ageMs, expected) => {
    expect(isFresh(before(ageMs), NOW, FIVE_MINUTES)).toBe(expected)
  })

  test('never, when its time is none', () => {
    expect(isFresh(NOW, NOW, 0)).toBe(false)
  })
})

describe('how long a tag is fresh', () => {
  const alpine = parseRepositoryName('library/alpine')
  const latest = parseTag('latest')
  const rule = (repository: string, tag: string, ms: number) => ({
    repository: compileGlob(repository),
    tag: compileGlob(tag),
    ms,
  })

  test('is five minutes, and half a minute where the upstream is next door', () => {
    const nothingSaid = { rules: [], otherwiseMs: undefined }
    expect(freshMsFor(nothingSaid, false, alpine, latest)).toBe(FIVE_MINUTES)
    expect(freshMsFor(nothingSaid, true, alpine, latest)).toBe(30_000)
  })

  test('is what the upstream’s settings say, wherever it is', () => {
    expect(freshMsFor({ rules: [], otherwiseMs: 7 }, true, alpine, latest)).toBe(7)
  })

  test('is what the first rule says that fits repository and tag', () => {
    const rules = [rule('library/*', '3.*', 1), rule('library/alpine', '*', 2), rule('**', '*', 3)]
    const freshFor = { rules, otherwiseMs: 4 }
    expect(freshMsFor(freshFor, false, alpine, parseTag('3.20'))).toBe(1)
    expect(freshMsFor(freshFor, false, alpine, latest)).toBe(2)
    expect(freshMsFor(freshFor, false, parseRepositoryName('a/b/c'), latest)).toBe(3)
  })
})
