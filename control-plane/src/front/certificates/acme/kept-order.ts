import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'

import { errorCode } from '../../../system/error-code.js'
import type { Random } from '../../../system/random.js'
import type { Sealing } from '../../../system/sealed.js'
import { makeFolder } from '../create-durably.js'
import type { CertificateName } from '../names.js'
import { acmeFolder, createSealed, findSealed, type SealedFile } from './sealed-file.js'

/** An order that was made, and the key that its certificate is for. */
const keptOrder = z.strictObject({ url: z.url({ protocol: /^https$/ }), keyPem: z.string() })
type KeptOrder = z.output<typeof keptOrder>

/**
 * The order of these names at this server: whoever is killed in the midst of it goes on with it, since an authority counts
 * orders. The file has a private key, and is sealed.
 */
export class KeptOrders {
  readonly #sealed: SealedFile

  constructor(
    folder: string,
    {
      directoryUrl,
      names,
      sealing,
      random,
    }: {
      directoryUrl: string
      names: readonly CertificateName[]
      sealing: Sealing
      random: Random
    },
  ) {
    const what = createHash('sha256')
      .update(JSON.stringify([directoryUrl, names.toSorted()]))
      .digest('hex')
    const file = path.join(acmeFolder(folder), `order-${what.slice(0, 16)}.json`)
    this.#sealed = { file, sealing, random }
  }

  /** Undefined when there is none, or nothing that can be gone on with. */
  async find(): Promise<KeptOrder | undefined> {
    const text = await findSealed(this.#sealed)
    return text === undefined ? undefined : readOrder(text)
  }

  async keep(order: KeptOrder): Promise<void> {
    await this.drop()
    await makeFolder(path.dirname(this.#sealed.file), 0o700)
    await createSealed(this.#sealed, JSON.stringify(order))
  }

  /** Removing what is not there succeeds. */
  async drop(): Promise<void> {
    await rm(this.#sealed.file, { force: true })
  }
}

/** Those of every server and list of names: nobody goes on with them once something else is wanted. */
export async function dropAllOrders(folder: string): Promise<void> {
  const below = acmeFolder(folder)
  try {
    for (const name of await readdir(below))
      if (name.startsWith('order-')) await rm(path.join(below, name), { force: true })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

function readOrder(text: string): KeptOrder | undefined {
  try {
    return keptOrder.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
