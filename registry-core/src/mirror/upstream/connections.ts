import { Agent, buildConnector, type Dispatcher, Pool, ProxyAgent } from 'undici'
import type { UpstreamSettings } from '../mirror-settings.js'
import type { AddressGuard } from './address-guard.js'
import { authorities } from './authorities.js'
import { lazily } from './lazily.js'
import { guardedLookup, type Resolve } from './name-servers.js'
import { type Environment, findProxy } from './proxies.js'
import type { Timeouts } from './timeouts.js'

/** The connections to one upstream, and to wherever it sends us. */
export interface Connections {
  /** Through which a URL is asked, and the proxy that is in between. */
  to(target: URL): { readonly dispatcher: Dispatcher; readonly proxy: URL | undefined }
  close(): Promise<void>
}

interface Options {
  readonly guard: AddressGuard
  readonly resolve: Resolve
  readonly environment: Environment
  readonly timeouts: Timeouts
}

/** A connection that is idle for so long is closed: shorter than the patience of common servers, longer than a pull's pauses. */
const KEEP_ALIVE_MS = 15_000
/** An address that does not answer for so long is left for the next one (RFC 8305 §5). */
const NEXT_ADDRESS_MS = 250

/** Opens nothing before it is asked. */
export function openConnections(settings: UpstreamSettings, options: Options): Connections {
  const { guard, timeouts } = options
  const common = {
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.idleMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    allowH2: false,
  }
  const plain = buildConnector(connecting(options, guard))
  const secure = lazily(() => buildConnector(connectingSecurely(settings, options, guard)))
  const connect: buildConnector.connector = (to, done) =>
    (to.protocol === 'https:' ? secure() : plain)(to, done)
  const direct = lazily(() => new Agent({ ...common, connect }))
  const proxied = new Map<string, Dispatcher>()
  const through = (proxy: URL): Dispatcher => {
    const known = proxied.get(proxy.href)
    if (known !== undefined) return known
    const opened = new ProxyAgent({
      ...common,
      uri: proxy.href,
      requestTls: connectingSecurely(settings, options, guard),
      // The proxy was typed by an administrator, and resolves the target's name itself.
      proxyTls: connectingSecurely(settings, options, undefined),
      clientFactory: (origin, further) => new Pool(origin, { ...further, ...common }),
    })
    proxied.set(proxy.href, opened)
    return opened
  }
  return {
    to(target) {
      const proxy = findProxy(target, settings.proxy, options.environment)
      return { dispatcher: proxy === undefined ? direct() : through(proxy), proxy }
    },
    async close() {
      await Promise.all([direct(), ...proxied.values()].map((one) => one.destroy()))
    },
  }
}

function connecting({ resolve, timeouts }: Options, guard: AddressGuard | undefined) {
  return {
    timeout: timeouts.connectMs,
    lookup: guardedLookup(resolve, guard),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    // HTTP/1.1: a transfer has a connection, and its window, for itself. Over HTTP/2 all would share one, whose
    // 512 KiB are 13 MB/s at 40 ms.
    allowH2: false,
  }
}

/** A certificate that does not verify is an outage, and no setting makes it less (attack row 77). */
function connectingSecurely({ ca }: UpstreamSettings, options: Options, guard: AddressGuard | undefined) {
  return { ...connecting(options, guard), rejectUnauthorized: true, secureContext: authorities(ca) }
}
