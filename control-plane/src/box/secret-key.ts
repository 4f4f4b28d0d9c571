import fs from 'node:fs'
import { createDurably } from '../front/certificates/create-durably.js'
import type { Random } from '../system/random.js'
import type { BoxSettings } from './box-settings.js'
import type { BoxPlaces } from './places.js'
import { StartRefused } from './start-refused.js'

const KEY_BYTES = 32
const MAKE_ONE = 'openssl rand -base64 32'

/**
 * The key that encrypts secrets at rest, made by the first start only: a second one could not read what the first wrote.
 * @throws StartRefused when it is missing later, or is none
 */
export async function ensureSecretKey(
  { secretKey, postgres }: Pick<BoxPlaces, 'secretKey' | 'postgres'>,
  { secretKeyFile }: Pick<BoxSettings, 'secretKeyFile'>,
  random: Random,
): Promise<void> {
  if (!fs.existsSync(secretKey)) {
    if (secretKeyFile !== undefined) {
      throw new StartRefused(
        `ENTREPOT_SECRET_KEY_FILE is ${secretKey}: there is no such file; (umask 077; ${MAKE_ONE} > ${secretKey}) makes one`,
      )
    }
    if (fs.existsSync(postgres)) {
      throw new StartRefused(
        `${secretKey} is missing, and without it nobody can read the passwords in the database: put it back from a backup, ` +
          `or make another, (umask 077; ${MAKE_ONE} > ${secretKey}), and set the passwords of the upstreams anew`,
      )
    }
    const text = `${random.bytes(KEY_BYTES).toString('base64')}\n`
    await createDurably({ file: secretKey, text, mode: 0o600, random })
  }
  const found = Buffer.from(readKey(secretKey), 'base64').length
  if (found !== KEY_BYTES)
    throw new StartRefused(`${secretKey} holds no key of ${KEY_BYTES} bytes as base64: ${MAKE_ONE} makes one`)
}

function readKey(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartRefused(
      `the secret key cannot be read: ${Error.isError(error) ? error.message : String(error)}`,
    )
  }
}
