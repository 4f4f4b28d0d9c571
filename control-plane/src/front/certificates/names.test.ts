import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'

import { CertificateRefused } from './certificate-refused.js'
import { covers, isAddress, namesIn, parseName, parseNames } from './names.js'

function refusalOf(text: string, wildcard = false): string {
  try {
    return `taken as ${parseName(text, { wildcard })}`
  } catch (error) {
    if (!(error instanceof CertificateRefused)) throw error
    return error.message
  }
}

describe('a name has one spelling', () => {
  test.each([
    ['Registry.Example', 'registry.example'],
    ['registry.example.', 'registry.example'],
    [' localhost ', 'localhost'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::1'],
    ['[FD00:0:0::1]', 'fd00::1'],
    ['fe80:0:0:0:12:0:0:1', 'fe80::12:0:0:1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
  ])('%s is %s', (text, expected) => {
    expect(parseName(text)).toBe(expected)
  })
})

describe('what is no name is refused with what to write instead', () => {
  test.each([
    ['', 'it is empty'],
    ['https://registry.example', 'this is a URL; write the host only'],
    ['registry.example:5443', 'a certificate holds for every port; write registry.example'],
    ['[::1]:5443', 'write [::1]'],
    ['registry.example/v2', 'write the host or one address'],
    ['10.0.0.0/8', 'write the host or one address'],
    ['fe80::1%eth0', 'write fe80::1'],
    ['*.example.com', 'a wildcard is for uploaded certificates'],
    ['my_registry', 'Docker takes no host with an underscore'],
    ['256.1.1.1', 'it looks like an address and is none'],
    ['0x7f.1', 'it looks like an address and is none'],
    ['registry.0x7f', 'it looks like an address and is none'],
    ['bücher.example', 'write it in ASCII: xn--bcher-kva.example'],
    ['１２７.0.0.1', 'it has characters that no host has'],
    ['-a.example', 'a host is made of letters'],
    ['a..example', 'a host is made of letters'],
    ['a b', 'characters that no host has'],
    [`${'a'.repeat(64)}.example`, 'up to 63 between two dots'],
    [`${'a.'.repeat(127)}ab`, 'up to 253 characters'],
  ])('%s', (text, expected) => {
    expect(refusalOf(text)).toContain(expected)
  })

  test('a wildcard is the whole first part, and something follows it', () => {
    expect(parseName('*.Example.com', { wildcard: true })).toBe('*.example.com')
    expect(refusalOf('*', true)).toContain('a wildcard')
    expect(refusalOf('a*.example', true)).toContain('a host is made of letters')
    expect(refusalOf('*.*.example', true)).toContain('a wildcard')
    expect(refusalOf('*.10.0.0.1', true)).toContain('it looks like an address')
  })
})

test('a list keeps its order and repeats nothing; an empty one is refused', () => {
  expect(parseNames(['b.example', 'A.example', '::1', 'B.example.', '0:0::1'])).toEqual([
    'b.example',
    'a.example',
    '::1',
  ])
  expect(() => parseNames([])).toThrow('at least one name')
})

test('a wildcard covers one label and no address', () => {
  const names = [parseName('*.example.com', { wildcard: true }), parseName('10.0.0.1')]
  const covered = (text: string): boolean => covers(names, parseName(text))
  expect(covered('registry.example.com')).toBe(true)
  expect(covered('a.b.example.com')).toBe(false)
  expect(covered('example.com')).toBe(false)
  expect(covered('10.0.0.1')).toBe(true)
  expect(covered('10.0.0.2')).toBe(false)
})

test('names of a certificate that no client of a registry asks for are left out', () => {
  const text =
    'DNS:Registry.example, email:a@b.example, DNS:"evil, DNS:other.example", IP Address:0:0:0:0:0:0:0:1, DNS:my_box, DNS:*.example'
  expect(namesIn(text)).toEqual(['registry.example', '::1', '*.example'])
  expect(namesIn(undefined)).toEqual([])
})

describe('for any text', () => {
  test('a name that is taken is its own spelling', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.string({
        unit: fc.constantFrom('a', 'B', '0', '1', ':', '.', '-', '*', '[', ']', '%', 'x', ' ', '/'),
      }),
    )
    let taken = 0
    fc.assert(
      fc.property(anything, fc.boolean(), (text, wildcard) => {
        if (!refusalOf(text, wildcard).startsWith('taken as ')) return
        taken += 1
        const name = parseName(text, { wildcard })
        expect(parseName(name, { wildcard })).toBe(name)
        expect(name).toMatch(isAddress(name) ? /^[0-9a-f:.]+$/ : /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
      }),
      { numRuns: 5000 },
    )
    expect(taken).toBeGreaterThan(500)
  })

  test('nothing but a refusal is thrown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(typeof refusalOf(text)).toBe('string')
      }),
      { numRuns: 2000 },
    )
  })
})
