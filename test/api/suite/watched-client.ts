import { digestOf } from '../../support/images.js'
import { type Answer, type Call, RegistryClient } from '../../support/registry-client.js'
import { findRuleBroken } from './every-answer.js'
import { readManifestReferences } from './read.js'

/** A manifest that the registry acknowledged, and still has to have. */
export interface Acknowledged {
  /** As in `team/app@sha256:…`. */
  readonly name: string
  /** The digests that must stay for it to be whole: its own, and those it refers to. */
  readonly needs: readonly string[]
}

/**
 * A client that judges each answer by the rules which hold everywhere, and remembers which manifests the registry has
 * acknowledged: none of their blobs may ever be garbage.
 */
export class WatchedClient extends RegistryClient {
  readonly #broken: string[] = []
  readonly #manifests = new Map<string, Acknowledged>()

  override async send(call: Call): Promise<Answer> {
    const answer = await super.send(call)
    const rule = findRuleBroken(answer)
    if (rule !== undefined) this.#broken.push(`${call.method} ${call.target} (${answer.status}): ${rule}`)
    this.#remember(call, answer)
    return answer
  }

  /** Rules that some answer broke, one sentence each. */
  rulesBroken(): readonly string[] {
    return this.#broken
  }

  /** Manifests that were answered 201 and not deleted since, in any repository. */
  acknowledged(): readonly Acknowledged[] {
    return [...this.#manifests.values()]
  }

  #remember(call: Call, answer: Answer): void {
    const [, repository, reference] = /^\/v2\/(.+)\/manifests\/([^/?]+)(?:\?|$)/.exec(call.target) ?? []
    if (repository === undefined || reference === undefined) return
    if (call.method === 'PUT' && answer.status === 201 && call.body instanceof Uint8Array) {
      const algorithm = reference.startsWith('sha512:') ? 'sha512' : 'sha256'
      const digest = digestOf(call.body, algorithm)
      const references = readManifestReferences(call.body).map((reference) => reference.digest)
      const name = `${repository}@${digest}`
      this.#manifests.set(name, { name, needs: [digest, ...references] })
    }
    if (call.method === 'DELETE' && answer.status === 202)
      this.#manifests.delete(`${repository}@${reference}`)
  }
}
