import { once } from 'node:events'
import net from 'node:net'
import { errorCode } from '../system/error-code.js'
import { type BoxSettings, PORT_VARIABLES } from './box-settings.js'
import { describeOwner } from './port-owner.js'
import { StartRefused, type TakenPort } from './start-refused.js'

const [FIRST_FREE_PORT, LAST_PORT] = [1024, 65_535]
/** Where a thousand in a row are taken, one more is no help. */
const MOST_TRIES = 1000

interface Wanted {
  /** Undefined for what a setting of nginx asks for. */
  readonly variable: string | undefined
  readonly port: number
  readonly bindVariable: 'ENTREPOT_BIND' | 'ENTREPOT_HTTP_BIND'
  readonly host: string
}

/**
 * Taken ports are said here, in words, all of them at once: nginx would only know that it cannot listen.
 * @throws StartRefused `ports-taken`, or `address-elsewhere`
 */
export async function requireFreePorts(
  settings: BoxSettings,
  {
    servesChallenges = false,
    further = [],
  }: {
    readonly servesChallenges?: boolean
    /** Where nginx listens besides, by its own settings. */
    readonly further?: readonly { readonly host: string; readonly port: number }[]
  } = {},
): Promise<void> {
  const taken = new Map<string, TakenPort>()
  const free = freePorts(settings)
  const wanted = [...wantedBy(settings, servesChallenges), ...further.map(byASetting)]
  for (const { variable, port, bindVariable, host } of wanted) {
    const code = await listeningError({ host, port })
    const key = variable ?? String(port)
    if (code === undefined || taken.has(key)) continue
    if (code === 'EADDRNOTAVAIL')
      throw new StartRefused('address-elsewhere', { variable: bindVariable, address: host })
    const owner = code === 'EACCES' ? undefined : describeOwner(port)
    taken.set(key, { variable, port, owner, free: await free() })
  }
  if (taken.size > 0) throw new StartRefused('ports-taken', { ports: [...taken.values()] })
}

/** Answers one port after the other that nobody has where the box listens, above its own ports first. */
function freePorts({ ports, acmePort, bind, httpBind }: BoxSettings): () => Promise<number> {
  const own = new Set([...Object.values(ports), acmePort])
  const hosts = [...new Set([...bind, ...httpBind])]
  let last = Math.max(...Object.values(ports))
  return async () => {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      last = last < LAST_PORT ? last + 1 : FIRST_FREE_PORT
      if (!own.has(last) && (await isFree(hosts, last))) break
    }
    return last
  }
}

async function isFree(hosts: readonly string[], port: number): Promise<boolean> {
  for (const host of hosts) {
    if ((await listeningError({ host, port })) === 'EADDRINUSE') return false
  }
  return true
}

function byASetting(place: { readonly host: string; readonly port: number }): Wanted {
  return { ...place, variable: undefined, bindVariable: 'ENTREPOT_BIND' }
}

function wantedBy({ ports, acmePort, bind, httpBind }: BoxSettings, servesChallenges: boolean): Wanted[] {
  const plain = (['registry', 'mirror'] as const).flatMap((key) =>
    httpBind.map((host) => ({ key, host, bindVariable: 'ENTREPOT_HTTP_BIND' as const })),
  )
  const tls = (['tls', 'mirrorTls', 'admin'] as const).flatMap((key) =>
    bind.map((host) => ({ key, host, bindVariable: 'ENTREPOT_BIND' as const })),
  )
  const challenges = (servesChallenges ? bind : []).map((host) => ({
    ...{ host, bindVariable: 'ENTREPOT_BIND' as const },
    ...{ variable: 'ENTREPOT_ACME_PORT', port: acmePort },
  }))
  return [
    ...[...plain, ...tls].map(({ key, ...place }) => ({
      ...place,
      variable: PORT_VARIABLES[key],
      port: ports[key],
    })),
    ...challenges,
  ]
}

/** Undefined: nobody listens there, and we may. */
async function listeningError(address: { host: string; port: number }): Promise<string | undefined> {
  const server = net.createServer()
  // `::` beside `0.0.0.0` are two addresses, as nginx has them.
  server.listen({ ...address, exclusive: true, ipv6Only: true })
  try {
    await once(server, 'listening')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') return code
    if (code === 'EAFNOSUPPORT') return 'EADDRNOTAVAIL' // an IPv6 address where the kernel has none
    throw error
  }
  server.close()
  await once(server, 'close')
  return undefined
}
