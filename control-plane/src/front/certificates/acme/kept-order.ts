import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'

import { errorCode } from '../../../system/error-code.js'
import type { Random } from '../../../system/random.js'
import { createDurably, makeFolder } from '../create-durably.js'
import type { CertificateName } from '../names.js'
import { findKeyText } from '../server-certificate.js'

/** An order that was made, and the key that its certificate is for. */
const keptOrder = z.strictObject({ url: z.url({ protocol: /^https$/ }), keyPem: z.string() })
type KeptOrder = z.output<typeof keptOrder>

/**
 * The order of these names at this server: whoever is killed in the midst of it goes on with it, since an authority counts
 * orders. The file has a private key, as those of the server's certificates do: for its owner only.
 */
export class KeptOrders {
  readonly #file: string
  readonly #random: Random

  constructor(
    folder: string,
    {
      directoryUrl,
      names,
      random,
    }: { directoryUrl: string; names: readonly CertificateName[]; random: Random },
  ) {
    const what = createHash('sha256')
      .update(JSON.stringify([directoryUrl, names.toSorted()]))
      .digest('hex')
    this.#file = path.join(folder, 'acme', `order-${what.slice(0, 16)}.json`)
    this.#random = random
  }

  /** Undefined when there is none, or nothing that can be gone on with. */
  async find(): Promise<KeptOrder | undefined> {
    const text = await findKeyText(this.#file)
    return text === undefined ? undefined : readOrder(text)
  }

  async keep(order: KeptOrder): Promise<void> {
    await this.drop()
    await makeFolder(path.dirname(this.#file), 0o700)
    await createDurably({ file: this.#file, text: JSON.stringify(order), mode: 0o600, random: this.#random })
  }

  /** Removing what is not there succeeds. */
  async drop(): Promise<void> {
    await rm(this.#file, { force: true })
  }
}

/** Those of every server and list of names: nobody goes on with them once something else is wanted. */
export async function dropAllOrders(folder: string): Promise<void> {
  const below = path.join(folder, 'acme')
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
