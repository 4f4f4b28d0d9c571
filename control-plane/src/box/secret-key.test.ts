import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemRandom } from '../system/random.js'
import { ensureSecretKey } from './secret-key.js'

let folder: string
let secretKey: string

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
  secretKey = path.join(folder, 'secret.key')
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

async function ensure(secretKeyFile?: string): Promise<void> {
  await ensureSecretKey(
    { secretKey, postgres: path.join(folder, 'postgres'), currentConfig: path.join(folder, 'current') },
    { secretKeyFile },
    systemRandom,
  )
}

test('the first start makes 32 bytes that only their owner reads, and the second keeps them', async () => {
  await ensure()
  const made = fs.readFileSync(secretKey, 'utf8')
  expect(Buffer.from(made, 'base64')).toHaveLength(32)
  expect(fs.statSync(secretKey).mode & 0o777).toBe(0o600)
  await ensure()
  expect(fs.readFileSync(secretKey, 'utf8')).toBe(made)
})

test.each([
  ['the database is here', 'postgres'],
  ['the database is elsewhere, and a configuration was in force', 'current'],
])('a key that is lost while %s is not replaced by one that fits nothing', async (_where, name) => {
  fs.mkdirSync(path.join(folder, name))
  await expect(ensure()).rejects.toThrow(
    `${secretKey} is missing, and without it nobody can read the passwords`,
  )
  expect(fs.existsSync(secretKey)).toBe(false)
})

test('a key file that is named and missing is said, with what makes one', async () => {
  await expect(ensure(secretKey)).rejects.toThrow(
    `ENTREPOT_SECRET_KEY_FILE is ${secretKey}: there is no such file; (umask 077; openssl rand -base64 32 > ${secretKey})`,
  )
})

test.each([['too short\n'], [''], [`${'A'.repeat(60)}\n`]])('what is no key is refused: %j', async (text) => {
  fs.writeFileSync(secretKey, text)
  await expect(ensure()).rejects.toThrow('holds no key of 32 bytes as base64')
})

test('a key that cannot be read is said with what to type', async () => {
  fs.mkdirSync(secretKey)
  await expect(ensure()).rejects.toThrow(
    `the secret key cannot be read (EISDIR: illegal operation on a directory, read): let who starts Entrepot have it, sudo chown "$USER" ${secretKey}`,
  )
})
