import { stringify } from 'yaml'

import { type Applied, Box, type RenderedFile } from '#control/front/configuration.js'
import type { Intent } from '#control/front/intent.js'
import type { Sealing } from '#control/system/sealed.js'
import { ownerOf } from '#control/upstreams/upstreams.service.js'

/** A box that keeps what it was given instead of putting it in force, and refuses when it is told to. */
export class RememberingBox extends Box {
  /** Every configuration that was tried, the last one at the end. */
  readonly tried: (readonly RenderedFile[])[] = []
  /** Of upstreams: what the core would get. */
  readonly passwords = new Map<string, string>()
  /** What became of the next ones. */
  answer: Applied = { outcome: 'applied' }
  /** Waits before it answers: a test lets go. */
  gate: Promise<void> = Promise.resolve()
  /** How many were in it at once, at most. */
  mostAtOnce = 0
  /** How many are in it. */
  inside = 0

  readonly #sealing: Sealing

  constructor(sealing: Sealing) {
    super()
    this.#sealing = sealing
  }

  async render({ nginx, upstreams, accounts }: Intent): Promise<readonly RenderedFile[]> {
    const registry = {
      upstreams: upstreams.map(({ host, settings, sealedPassword }) => ({
        ...{ host, ...settings },
        ...(sealedPassword !== null && { passwordFile: `passwords/${host}` }),
      })),
      accounts: accounts.map(({ name, secretHash, settings }) => ({ name, secretHash, ...settings })),
    }
    for (const { host, sealedPassword } of upstreams)
      if (sealedPassword !== null) this.passwords.set(host, this.#sealing.open(sealedPassword, ownerOf(host)))
    return [
      { path: 'nginx.conf', mode: 0o644, text: stringify(nginx) },
      { path: 'registry.yml', mode: 0o600, text: stringify(registry, { lineWidth: 0 }) },
    ]
  }

  async apply(files: readonly RenderedFile[]): Promise<Applied> {
    this.tried.push(files)
    this.inside += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.inside)
    await this.gate
    this.inside -= 1
    return this.answer
  }

  /** The text of a file of the last configuration that was tried. */
  last(path: string): string {
    return this.tried.at(-1)?.find((file) => file.path === path)?.text ?? ''
  }
}
