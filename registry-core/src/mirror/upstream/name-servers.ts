import { getServers, type LookupAddress, lookup as systemLookup, promises } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { errorCode } from '../../store/fs.js'
import type { Clock } from '../../system/clock.js'
import type { AddressGuard } from './address-guard.js'
import { UpstreamFailure } from './upstream-failure.js'

/** Every address of a name. @throws UpstreamFailure `dns` */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

/** A name server that is silent for so long does not answer (below the limit for connecting, which would hide it). */
const ANSWER_WITHIN_MS = 4000
/** When one family has answered, the other is waited for a moment only (RFC 8305 §3). */
const SECOND_FAMILY_MS = 300
const PLAINLY_MS = 500

/** Names by the name servers of the upstream's `dns`; without any, by the system. */
export function openResolve(upstream: string, servers: readonly string[], clock: Clock): Resolve {
  const ask = servers.length === 0 ? askSystem : askServers(servers, clock)
  const asked = (): Pick<Lookup, 'asked' | 'resolver'> => {
    if (servers.length > 0)
      return { asked: `the name servers ${servers.join(', ')}`, resolver: servers.join(', ') }
    const resolver = getServers().join(', ') || 'of the system'
    return { asked: `the system's name servers (${resolver})`, resolver }
  }
  return async (hostname) => {
    const late = new AbortController()
    const deadline = clock.sleep(ANSWER_WITHIN_MS, late.signal).then(() => 'late' as const)
    deadline.catch(() => undefined) // it ends when the answer is there
    try {
      const answer = await Promise.race([isLocal(hostname) ? askSystem(hostname) : ask(hostname), deadline])
      if (answer === 'late') throw silent(hostname)
      if (answer.length === 0) throw Object.assign(new Error('no address'), { code: 'ENODATA' })
      return answer
    } catch (error) {
      throw new UpstreamFailure('dns', sentenceOf(error, { upstream, hostname, ...asked() }), {
        cause: error,
      })
    } finally {
      late.abort()
    }
  }
}

/** For connections: each address that a name has now is judged before it is dialled, so that no answer can change later. */
export function guardedLookup(resolve: Resolve, guard: AddressGuard | undefined): LookupFunction {
  const judged = async (hostname: string): Promise<readonly LookupAddress[]> => {
    const all = await resolve(hostname)
    const allowed = all.filter(({ address }) => guard?.refusal(hostname, address) === undefined)
    const [first] = all
    if (allowed.length > 0 || first === undefined) return allowed
    throw guard?.refusal(hostname, first.address) ?? new Error('judged twice, and differently')
  }
  const lookup = callbackify(judged)
  return (hostname, options, callback) => {
    lookup(hostname, (error, addresses) => {
      const [first] = addresses ?? []
      if (error) callback(error, '')
      else if (options.all) callback(null, [...addresses])
      else callback(null, first?.address ?? '', first?.family ?? 4)
    })
  }
}

function askSystem(hostname: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses)
      else if (error.code === 'EAI_AGAIN') resolve(askPlainly(hostname, error))
      else reject(error)
    })
  })
}

/** The system says "try again" for whatever its name servers do; asked plainly they say what it is. */
async function askPlainly(hostname: string, systemError: Error): Promise<readonly LookupAddress[]> {
  const resolver = new promises.Resolver({ timeout: PLAINLY_MS, tries: 1 })
  const found = await resolver.resolve4(hostname)
  if (found.length === 0) throw systemError
  return found.map((address) => ({ address, family: 4 }))
}

function askServers(servers: readonly string[], clock: Clock): Resolve {
  const resolver = new promises.Resolver({ timeout: 1500, tries: 2 })
  resolver.setServers([...servers])
  return async (hostname) => {
    const four = resolver.resolve4(hostname).then((found) => found.map((address) => ({ address, family: 4 })))
    const six = resolver.resolve6(hostname).then((found) => found.map((address) => ({ address, family: 6 })))
    await Promise.any([four, six]).catch(() => undefined) // why it failed is said below
    const soon = clock.sleep(SECOND_FAMILY_MS).then(() => [])
    const found = await Promise.allSettled([four, six].map((one) => Promise.race([one, soon])))
    const addresses = found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const [failed] = found.filter((one) => one.status === 'rejected')
    if (addresses.length === 0 && failed !== undefined) throw failed.reason
    return addresses
  }
}

function isLocal(hostname: string): boolean {
  return /(^|\.)localhost$/i.test(hostname) || isIP(hostname) !== 0
}

function silent(hostname: string): Error {
  return Object.assign(new Error(`no answer for ${hostname}`), { code: 'ETIMEOUT' })
}

interface Lookup {
  readonly upstream: string
  readonly hostname: string
  readonly asked: string
  /** Their addresses alone. */
  readonly resolver: string
}

function sentenceOf(error: unknown, { upstream, hostname, asked, resolver }: Lookup): string {
  const cure = `set dns: for the upstream ${upstream} to name servers that know it`
  switch (errorCode(error)) {
    case 'ENOTFOUND':
    case 'ENODATA':
      return `${asked} know no address of ${hostname}: look for a typing error in urls, or ${cure}`
    case 'ECONNREFUSED':
      return `connection refused by the resolver ${resolver}, so ${hostname} has no address: ${cure}`
    case 'ETIMEOUT':
    case 'ETIMEDOUT':
      return `${asked} did not answer within ${ANSWER_WITHIN_MS / 1000} s when asked for ${hostname}: ${cure}`
    default:
      return `${asked} could not say the address of ${hostname} (${errorCode(error) ?? 'unknown'}): ${cure}`
  }
}
