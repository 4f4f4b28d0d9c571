import { describe, expect, test } from '@jest/globals'
import { findPattern } from '../config/schema/validation.js'
import type { UrlRules } from '../config/settings.js'
import { checkUrls } from './manifest-urls.js'

function rules(allow: readonly string[], deny: readonly string[] = []): UrlRules {
  const patterns = (texts: readonly string[]) => texts.flatMap((text) => findPattern(text) ?? [])
  return { allow: patterns(allow), deny: patterns(deny) }
}

function isTaken(url: string, given: UrlRules): boolean {
  try {
    checkUrls([url], given)
    return true
  } catch {
    return false
  }
}

/** The example of Distribution's documentation. */
const EXAMPLE = String.raw`^https?://([^/]+\.)*example\.com/`

describe('the rules for URLs of layers', () => {
  test.each([
    ['https://www.example.com/l', rules([EXAMPLE]), true],
    ['https://example.org/l', rules([EXAMPLE]), false],
    ['https://www.example.com/l', rules([EXAMPLE], ['^https?://www']), false],
    ['https://example.org/l', rules([], ['^https?://www']), true],
    ['https://example.org/l', rules([]), false],
    ['ftp://www.example.com/l', rules(['.*']), false],
    ['https://www.example.com/l#part', rules([EXAMPLE]), false],
    ['no url', rules(['.*']), false],
  ])('say of %s with %j: %s', (url, given, isAllowed) => {
    expect(isTaken(url, given)).toBe(isAllowed)
  })

  test('pass what names no URL', () => {
    expect(() => checkUrls([], rules([]))).not.toThrow()
  })

  test('refuse in a moment what a pattern would think about for ever', () => {
    const started = performance.now()
    expect(isTaken(`https://${'a.'.repeat(60)}/`, rules([EXAMPLE]))).toBe(false)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('name the URL that they refuse', () => {
    expect(() => checkUrls(['https://a.example.com/', 'https://b.org/'], rules([EXAMPLE]))).toThrow(
      'the manifest is not valid: validation.manifests.urls does not allow the URL "https://b.org/"',
    )
  })
})

describe('a regular expression of Go', () => {
  test.each([
    ['(?i)^HTTPS://', 'https://a/', true],
    [String.raw`\Ahttps://a/\z`, 'https://a/b', false],
    ['(?P<host>a)', 'https://a/', true],
  ])('%s is understood', (text, url, matches) => {
    expect(findPattern(text)?.test(url)).toBe(matches)
  })

  test.each(['(', '[[:alpha:]]', String.raw`\Qa.b\E`])('%s is refused rather than misunderstood', (text) => {
    expect(findPattern(text)).toBeUndefined()
  })
})
