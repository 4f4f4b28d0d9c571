import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'

import { openFolder } from './real-store.js'

const root = mkdtempSync(join(tmpdir(), 'e-'))
afterAll(() => rmSync(root, { recursive: true }))

test('the secret is its owner’s alone, made once by whoever is first, and replaced as a whole', async () => {
  const [one, two] = [await openFolder(root), await openFolder(root)]
  const stores = [one, two]
  expect(one.secret.read()).toBeUndefined()
  const made = await Promise.all(
    Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? one : two).secret.create(Buffer.from(`secret ${n}`))),
  )
  expect(made.filter((isMine) => isMine === true)).toHaveLength(1)
  const text = `secret ${made.indexOf(true)}`
  for (const { secret } of stores) expect(secret.read()?.toString()).toBe(text)
  expect(statSync(join(root, 'entrepot/secret')).mode & 0o777).toBe(0o600)
  await one.secret.replace(Buffer.from('another'))
  expect(two.secret.read()?.toString()).toBe('another')
  expect(statSync(join(root, 'entrepot/secret')).mode & 0o777).toBe(0o600)
  for (const store of stores) await store.close()
})
