import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { compare } from '@node-rs/bcrypt'
import { expect, test } from '@jest/globals'

import { BINARY } from './process.js'

async function hash(input: string, ...options: readonly string[]) {
  const child = spawn(process.execPath, [BINARY, 'hash', ...options])
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code: code as unknown, stdout, stderr }
}

test('the first line of stdin becomes a bcrypt hash, and nothing else is written', async () => {
  const { code, stdout, stderr } = await hash('s3cret, with spaces\nand more\n')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^\$2[by]\$11\$[./A-Za-z0-9]{53}\n$/)
  expect(await compare('s3cret, with spaces', stdout.trim())).toBe(true)
})

test('in JSON it is one object', async () => {
  const { stdout } = await hash('x', '--json')
  expect(JSON.parse(stdout)).toEqual({ hash: expect.stringMatching(/^\$2/) })
})

test.each([
  ['', 'no password came'],
  ['\n', 'no password came'],
  ['x'.repeat(73), 'more than the 72 bytes'],
])('%j ends with 2 and a sentence', async (input, sentence) => {
  const { code, stdout, stderr } = await hash(input)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(sentence)
})
