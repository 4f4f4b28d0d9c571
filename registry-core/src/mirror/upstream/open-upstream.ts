import type { Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import type { UpstreamSettings } from '../mirror-settings.js'
import type { RateLimit } from '../watched/rate-limit.js'
import { describeBlob, fetchBlob } from './blobs.js'
import { type Client, openClient } from './client.js'
import { openCredentials } from './credentials.js'
import { openGate, openPace } from './transfers.js'
import { listReferrers, listTags } from './lists.js'
import { openLogin } from './login.js'
import { fetchManifest, resolveManifest } from './manifests.js'
import { findMisspelling } from './misspelt-hosts.js'
import type { Resolve } from './name-servers.js'
import type { Environment } from './proxies.js'
import { TIMEOUTS, type Timeouts } from './timeouts.js'
import type { Upstream } from './upstream.js'
import { isUpstreamFailure, TROUBLES, UpstreamFailure } from './upstream-failure.js'
import { openUrlOrder } from './url-order.js'
import { discard, openWire } from './wire.js'

export interface UpstreamOptions {
  readonly clock: Clock
  readonly log: Log
  /** Where proxies are named (`HTTPS_PROXY`, `NO_PROXY`). */
  readonly environment: Environment
  /** Told whenever the upstream says how much more it will give. */
  readonly onRateLimit?: (limit: RateLimit) => void
  /** What manifests say of a blob: small ones go first. */
  readonly sizeOf?: (digest: Digest) => number | undefined
  readonly timeouts?: Partial<Timeouts>
  /** In place of name servers. */
  readonly resolve?: Resolve
}

/** Connects to nothing before it is asked. */
export function openUpstream(settings: UpstreamSettings, options: UpstreamOptions): Upstream {
  const { clock, log, environment, resolve, sizeOf = () => undefined } = options
  const misspelling = findMisspelling(settings)
  if (misspelling !== undefined && !settings.isConfirmed)
    log.warn({ upstream: settings.host, meant: misspelling.meant }, misspelling.sentence)
  const closing = new AbortController()
  const timeouts = { ...TIMEOUTS, ...options.timeouts }
  const wire = openWire(settings, { clock, environment, timeouts, resolve })
  const credential = openCredentials(settings, clock)
  const login = openLogin({ wire, settings, credential, closing: closing.signal })
  const urls = openUrlOrder(settings.urls, clock)
  const client = openClient({
    wire,
    login,
    urls,
    onRateLimit: options.onRateLimit ?? (() => undefined),
  })
  const gate = openGate(settings.maxConnections)
  const pace = openPace(settings.maxBytesPerSecond, clock)
  const parts = { client, gate, pace, urls }
  return {
    host: settings.host,
    resolve: (repository, reference, signal) => resolveManifest(parts, repository, reference, signal),
    manifest: (repository, reference, signal) => fetchManifest(parts, repository, reference, signal),
    describeBlob: (repository, digest, signal) => describeBlob(parts, repository, digest, signal),
    blob: (repository, digest, first, signal) =>
      fetchBlob(parts, { repository, digest, first, signal, sizeBytes: sizeOf(digest) }),
    tags: (repository, page, signal) => listTags(parts, repository, page, signal),
    referrers: (repository, subject, signal) => listReferrers(parts, repository, subject, signal),
    isPublic: (repository, signal) => askAsNobody(client, repository, signal),
    async close() {
      closing.abort(new UpstreamFailure('closing', `${settings.host} is not asked any more`))
      await wire.close()
    },
  }
}

/** Whether an upstream gives a repository to everybody: it is asked for one of its tags. */
async function askAsNobody(
  client: Client,
  repository: RepositoryName,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await client.ask(
      { method: 'GET', repository, path: 'tags/list?n=1', isAnonymous: true, signal },
      async (answer) => {
        discard(answer)
        return true
      },
    )
  } catch (error) {
    if (isUpstreamFailure(error) && TROUBLES[error.trouble].isRefusal) return false
    throw error
  }
}
