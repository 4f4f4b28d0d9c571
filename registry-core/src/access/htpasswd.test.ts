import { expect, test } from '@jest/globals'
import { parseHtpasswd } from './htpasswd.js'

const HASH = `$2y$05$${'a'.repeat(53)}`

test('users with bcrypt hashes are read; comments and empty lines are none', () => {
  const { hashes, highestCost, findings } = parseHtpasswd(
    `# users\n\nci:${HASH}\r\nadmin:$2b$10$${'b'.repeat(53)}\n`,
  )
  expect([...hashes.keys()]).toEqual(['ci', 'admin'])
  expect(highestCost).toBe(10)
  expect(findings).toEqual([])
})

test.each([
  ['ci:$apr1$abc$def', 'line 1: "ci" cannot log in'],
  ['ci:{SHA}abc=', 'line 1: "ci" cannot log in'],
  ['ci:plain', 'line 1: "ci" cannot log in'],
  [`ci:$2y$31$${'a'.repeat(53)}`, 'line 1: "ci" cannot log in'],
  ['nonsense', 'line 1 is no "name:hash"'],
  [`:${HASH}`, 'line 1 is no "name:hash"'],
])('%s is passed over and named, without its hash', (line, finding) => {
  const { hashes, findings } = parseHtpasswd(line)
  expect(hashes.size).toBe(0)
  expect(findings).toEqual([expect.stringContaining(finding)])
  expect(findings.join('')).not.toContain('$')
})
