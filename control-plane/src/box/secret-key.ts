import fs from 'node:fs'
import { createDurably } from '../front/certificates/create-durably.js'
import type { Random } from '../system/random.js'
import type { BoxSettings } from './box-settings.js'
import type { BoxPlaces } from './box-places.js'
import { StartRefused } from './start-refused.js'

const KEY_BYTES = 32

/**
 * The key that encrypts secrets at rest, made by the first start only: a second one could not read what the first wrote.
 * @throws StartRefused when it is missing later, or is none
 */
export async function ensureSecretKey(
  { secretKey, postgres, currentConfig }: Pick<BoxPlaces, 'secretKey' | 'postgres' | 'currentConfig'>,
  { secretKeyFile }: Pick<BoxSettings, 'secretKeyFile'>,
  random: Random,
): Promise<void> {
  if (!fs.existsSync(secretKey)) {
    if (secretKeyFile !== undefined) {
      throw new StartRefused('secret-key-not-there', { file: secretKey })
    }
    // A database of DATABASE_URL leaves no folder here, but what was once in force does.
    if (fs.existsSync(postgres) || fs.existsSync(currentConfig)) {
      throw new StartRefused('secret-key-lost', { file: secretKey })
    }
    const text = `${random.bytes(KEY_BYTES).toString('base64')}\n`
    await createDurably({ file: secretKey, text, mode: 0o600, random })
  }
  const found = Buffer.from(readKey(secretKey), 'base64').length
  if (found !== KEY_BYTES) throw new StartRefused('secret-key-malformed', { file: secretKey })
}

function readKey(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    const reason = Error.isError(error) ? error.message : String(error)
    throw new StartRefused('secret-key-unreadable', { file, reason }, { cause: error })
  }
}
