import { X509Certificate } from 'node:crypto'
import { BlockList } from 'node:net'
import type { MirrorSettings, UpstreamSettings } from '../mirror/mirror-settings.js'
import { ConfigurationError } from './configuration-error.js'
import type { ParsedFile } from './schema.js'
import { HUB_ALIASES } from './schema/mirrors.js'
import { toProxyUpstream } from './to-proxy-upstream.js'

/** The text of a file, or why there is none. */
export type ReadText = (path: string) => { readonly text: string } | { readonly why: string }

type Mirrors = NonNullable<ParsedFile['mirrors']>
type Upstream = Mirrors['upstreams'][number]

/** Whose content is mirrored, out of `mirrors`, or of `proxy` as registry:2 has it. @throws ConfigurationError */
export function toMirrors(file: string, { mirrors, proxy }: ParsedFile, readText: ReadText): MirrorSettings {
  if (proxy.remoteurl !== undefined) {
    if (mirrors !== undefined)
      throw new ConfigurationError(file, [
        'proxy and mirrors stand in one file: write what proxy names as one of mirrors.upstreams, and take proxy out',
      ])
    const upstream = toProxyUpstream(proxy.remoteurl, proxy)
    return { defaultHost: upstream.host, upstreams: [upstream] }
  }
  const { upstreams = [], default: bare } = mirrors ?? {}
  const findings: string[] = []
  const built = upstreams.map((upstream, at) => {
    const ca = upstream.ca === undefined ? undefined : readAuthorities(upstream.ca, readText)
    if (ca !== undefined && 'why' in ca)
      findings.push(`mirrors.upstreams[${at}].ca names ${upstream.ca}: ${ca.why}`)
    const proxy = proxyOf(upstream, readText)
    if (proxy !== undefined && 'why' in proxy)
      findings.push(
        `mirrors.upstreams[${at}].proxyPasswordFile names ${upstream.proxyPasswordFile}: ${proxy.why}`,
      )
    return toUpstream(upstream, {
      ca: ca && 'text' in ca ? ca.text : undefined,
      proxy: proxy && 'url' in proxy ? proxy : undefined,
      freshForMs: mirrors?.freshFor,
    })
  })
  if (findings.length > 0) throw new ConfigurationError(file, findings)
  const named = built.find(({ host, aliases }) => [host, ...aliases].includes(bare ?? 'docker.io'))
  return { defaultHost: named?.host, upstreams: built }
}

function toUpstream(
  upstream: Upstream,
  { ca, proxy, freshForMs }: Pick<UpstreamSettings, 'ca' | 'proxy'> & { freshForMs: number | undefined },
): UpstreamSettings {
  const { host, dns, realms, whenMissing, expose, maxConnections, maxBytesPerSecond } = upstream
  const allowAddresses = new BlockList()
  for (const { address, prefix, family } of upstream.allowAddresses)
    allowAddresses.addSubnet(address, prefix, family)
  const isHub = host === 'docker.io'
  const url = isHub ? 'https://registry-1.docker.io' : `https://${host.replace('_', ':')}`
  const aliases = [...(isHub ? HUB_ALIASES : []), ...upstream.aliases]
  return {
    host,
    aliases: [...new Set(aliases)].filter((alias) => alias !== host),
    urls: upstream.urls ?? [new URL(url)],
    credentials: credentialsOf(upstream),
    ...{ ca, proxy },
    ...{ dns, realms, allowAddresses },
    freshFor: freshnessOf(upstream.freshFor, freshForMs),
    ...{ whenMissing, expose, maxConnections, maxBytesPerSecond },
    isConfirmed: upstream.confirmed,
    naming: 'host',
  }
}

/** Its password is read once, as `ca` is: another one is another configuration. */
function proxyOf(
  { proxy, noProxy, proxyPasswordFile: file }: Upstream,
  readText: ReadText,
): UpstreamSettings['proxy'] | { readonly why: string } {
  if (proxy === undefined || file === undefined) return proxy && { url: proxy, noProxy }
  const read = readText(file)
  if ('why' in read) return read
  const url = new URL(proxy)
  url.password = encodeURIComponent(read.text.replace(/[\r\n]+$/, ''))
  return { url, noProxy }
}

function credentialsOf({ username, password, passwordFile }: Upstream): UpstreamSettings['credentials'] {
  if (username === undefined) return undefined
  return { username, password: password === undefined ? { file: passwordFile ?? '' } : { text: password } }
}

/** What no rule matches is as fresh as `mirrors.freshFor` says, or as the upstream's address decides. */
function freshnessOf(
  freshFor: Upstream['freshFor'],
  otherwiseMs: number | undefined,
): UpstreamSettings['freshFor'] {
  if (typeof freshFor !== 'object') return { rules: [], otherwiseMs: freshFor ?? otherwiseMs }
  const rules = freshFor.map(({ repository, tag, freshFor: ms }) => ({ repository, tag, ms }))
  return { rules, otherwiseMs }
}

/** PEM whose every certificate can be read. */
function readAuthorities(path: string, readText: ReadText): ReturnType<ReadText> {
  const read = readText(path)
  if ('why' in read) return read
  const blocks = read.text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return { why: 'there is no certificate in it, as PEM' }
  const broken = blocks.findIndex((block) => !isCertificate(block))
  return broken === -1 ? read : { why: `its certificate number ${broken + 1} cannot be read` }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== ''
  } catch {
    return false // the sentence says which one
  }
}
