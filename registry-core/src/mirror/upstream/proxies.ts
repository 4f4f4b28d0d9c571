import { BlockList, isIP } from 'node:net'
import type { ProxySettings } from '../mirror-settings.js'
import { UpstreamFailure } from './upstream-failure.js'

/** The environment's variables, as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy through which a URL is asked, if any: the upstream's own, else the environment's, where the machine itself is
 * always asked directly, as in Go.
 */
export function findProxy(
  target: URL,
  own: ProxySettings | undefined,
  environment: Environment,
): URL | undefined {
  if (own !== undefined) return isDirect(target, own.noProxy) ? undefined : own.url
  const name = target.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const text = variable(environment, name)
  if (text === undefined || LOOPBACK.test(target.hostname)) return undefined
  if (isDirect(target, (variable(environment, 'no_proxy') ?? '').split(/[\s,]+/))) return undefined
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (url !== null) return url
  throw new UpstreamFailure(
    'unreachable',
    `the environment's ${name.toUpperCase()} is not the URL of a proxy`,
  )
}

const LOOPBACK = /^(localhost|127\.[0-9.]+|\[::1\])$/

function variable(environment: Environment, name: string): string | undefined {
  return environment[name] || environment[name.toUpperCase()] || undefined
}

function isDirect(target: URL, patterns: readonly string[]): boolean {
  const host = target.hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  const port = target.port || (target.protocol === 'https:' ? '443' : '80')
  return patterns.some((pattern) => matches(pattern.trim().toLowerCase(), host, port))
}

/** `*`, a range of addresses, `.x` and `*.x` for what is below x, `x` for x and what is below; each with a port or without. */
function matches(pattern: string, host: string, port: string): boolean {
  if (pattern === '') return false
  if (pattern === '*') return true
  if (pattern.includes('/')) return isWithin(pattern, host)
  const [, name = '', wanted] =
    /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(pattern) === 6 ? `[${pattern}]` : pattern) ?? []
  if (wanted !== undefined && wanted !== port) return false
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host
  const below = name.replace(/^\*/, '')
  if (below.startsWith('.')) return host.endsWith(below)
  return host === below || host.endsWith(`.${below}`)
}

function isWithin(range: string, host: string): boolean {
  const [address = '', bits = ''] = range.split('/')
  const [family, own] = [isIP(address), isIP(host)]
  if (family === 0 || own === 0 || !/^\d{1,3}$/.test(bits)) return false
  if (Number(bits) > (family === 4 ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6')
  return list.check(host, own === 4 ? 'ipv4' : 'ipv6')
}
