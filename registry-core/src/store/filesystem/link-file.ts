import { type Digest, findDigest } from '../../oci/digest.js'
import type { Log } from '../../system/log.js'
import { errorCode, type Fs } from '../fs.js'

/** A link holds one digest; anything longer is damage. */
const LINK_LIMIT_BYTES = 256

/** The digest that a link (of a layer, revision or tag) holds; undefined when it is absent or damaged. */
export function readLinkNow({ fs, log }: { fs: Fs; log: Log }, path: string): Digest | undefined {
  const text = readNow(fs, path)
  if (text === undefined) return undefined
  const digest = findDigest(text.trim())
  if (digest === undefined) log.warn({ path }, 'a damaged link was found: push its content again')
  return digest
}

/** What is no small regular file reads as damage, not as an error: nobody but a fault or an attack made it. */
function readNow(fs: Fs, path: string): string | undefined {
  try {
    return fs.readNow(path, LINK_LIMIT_BYTES)?.toString('latin1')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EFBIG' || code === 'EINVAL' || code === 'EIO') return ''
    throw error
  }
}
