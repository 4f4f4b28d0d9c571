import { stringify } from 'yaml'

import { type Applied, Generations, type Standing, type Rendered } from '#control/front/generations.js'
import type { Intent } from '#control/front/intent.js'
import { chooseCertificate } from '#control/front/served-certificate.js'
import type { Sealing } from '#control/system/sealed.js'
import { openSecrets } from '#control/upstreams/upstream-secrets.js'

/** A box that keeps what it was given instead of putting it in force, and refuses when it is told to. */
export class RememberingGenerations extends Generations {
  /** Every configuration that was tried, the last one at the end. */
  readonly tried: Rendered[] = []
  /** What became of the next ones. */
  answer: Applied = { outcome: 'applied' }
  /** Waits before it answers: a test lets go. */
  gate: Promise<void> = Promise.resolve()
  /** How many are in it, and were at once, at most. */
  inside = 0
  mostAtOnce = 0
  readonly #sealing: Sealing
  #made = 0

  constructor(sealing: Sealing) {
    super()
    this.#sealing = sealing
  }

  /** Where certificates are made, as the box makes them when it renders. */
  making: Parameters<typeof chooseCertificate>[1] | undefined

  async render({ nginx, upstreams, accounts, certificate }: Intent): Promise<Rendered> {
    if (this.making !== undefined) await chooseCertificate({ nginx, upstreams, certificate }, this.making)
    const registry = {
      upstreams: upstreams.map(({ host, settings }) => ({ host, ...settings })),
      accounts: accounts.map(({ name, secretHash, settings }) => ({ name, secretHash, ...settings })),
    }
    const id = `generation-${++this.#made}`
    return {
      id,
      files: [
        // nginx says which one it runs, so its file has the name of its generation.
        { path: 'nginx.conf', mode: 0o644, text: `# ${id}\n${stringify(nginx)}` },
        { path: 'registry.yml', mode: 0o600, text: stringify(registry, { lineWidth: 0 }) },
      ],
      secrets: upstreams.flatMap(({ host, sealedPassword }) => this.#passwordFiles(host, sealedPassword)),
      probes: [],
    }
  }

  #passwordFiles(host: string, sealed: string | null) {
    const { password, proxyPassword } = openSecrets(this.#sealing, host, sealed)
    return [
      ...(password === undefined ? [] : [{ path: `${host}.password`, mode: 0o600, text: password }]),
      ...(proxyPassword === undefined
        ? []
        : [{ path: `${host}.proxy-password`, mode: 0o600, text: proxyPassword }]),
    ]
  }

  async apply(rendered: Rendered): Promise<Applied> {
    this.tried.push(rendered)
    this.inside += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.inside)
    await this.gate
    this.inside -= 1
    return this.answer
  }

  /** Those that a test says. */
  readonly certificatesNamed = new Set<string>()
  certificateFiles(): Promise<ReadonlySet<string>> {
    return Promise.resolve(this.certificatesNamed)
  }

  /** What was tried last is in force. */
  look(): Promise<Standing> {
    const id = this.tried.at(-1)?.id
    return Promise.resolve({ current: id, running: id, drift: [], draining: 0 })
  }

  /** The text of a file of the last configuration that was tried; empty when it had none of that name. */
  last(path: string): string {
    const { files = [], secrets = [] } = this.tried.at(-1) ?? {}
    return [...files, ...secrets].find((file) => file.path === path)?.text ?? ''
  }
}
