import { accessSync, constants } from 'node:fs'
import type { Settings } from '../config/settings.js'
import type { UpstreamSettings } from '../mirror/mirror-settings.js'
import { findMisspelling } from '../mirror/upstream/misspelt-hosts.js'
import { errorCode } from '../store/fs.js'

/** What check says of the mirrors, without asking anybody: `registry-core upstream check` does. */
export interface MirrorExamination {
  /** What an upstream would lack at its first pull, and hosts that are most likely typing errors. */
  readonly findings: readonly { readonly kind: 'missing' | 'misspelt'; readonly sentence: string }[]
  readonly plan: readonly string[]
}

/** Names each upstream, never a password. */
export function examineMirrors({ mirrors, listeners }: Settings): MirrorExamination {
  const { upstreams, defaultHost } = mirrors
  const isMirrorView = listeners.some(({ view }) => view === 'mirror')
  return {
    findings: [
      ...upstreams.flatMap(missingPassword).map((sentence) => ({ kind: 'missing', sentence }) as const),
      ...upstreams.flatMap(misspelling).map((sentence) => ({ kind: 'misspelt', sentence }) as const),
    ],
    plan: [
      ...upstreams.map((upstream) => upstreamLine(upstream, upstream.host === defaultHost)),
      ...upstreams.flatMap(inClear),
      ...(isMirrorView && defaultHost === undefined
        ? ['a bare name on the view mirror is local only: there is no mirrors.default']
        : []),
    ],
  }
}

function upstreamLine(upstream: UpstreamSettings, isDefault: boolean): string {
  const { host, aliases, urls, credentials, proxy, naming } = upstream
  return [
    `mirrors ${[host, ...aliases].join(', ')} from ${urls.map(textOf).join(', then ')}`,
    credentials === undefined ? 'without a login' : `as ${credentials.username}`,
    ...(proxy === undefined ? [] : [`through the proxy ${textOf(proxy.url)}`]),
    ...(isDefault ? ['bare names mean it'] : []),
    ...(naming === 'bare' ? ['names in the store have no host before them'] : []),
  ].join('; ')
}

/** Without the user and password that a proxy may have. */
function textOf({ origin }: URL): string {
  return origin
}

function missingPassword({ host, credentials }: UpstreamSettings): readonly string[] {
  if (credentials === undefined || 'text' in credentials.password) return []
  const { file } = credentials.password
  try {
    accessSync(file, constants.R_OK)
    return []
  } catch (error) {
    const why =
      errorCode(error) === 'ENOENT' ? 'there is no such file' : `it cannot be read (${errorCode(error)})`
    return [`the passwordFile of ${host} is ${file}: ${why}`]
  }
}

function misspelling(upstream: UpstreamSettings): readonly string[] {
  const found = upstream.isConfirmed ? undefined : findMisspelling(upstream)
  return found === undefined ? [] : [found.sentence]
}

function inClear({ host, credentials, urls }: UpstreamSettings): readonly string[] {
  const clear = urls.find(({ protocol }) => protocol === 'http:')
  return credentials === undefined || clear === undefined
    ? []
    : [`the password of ${host} may be read on the way to ${textOf(clear)}: that is not https`]
}
