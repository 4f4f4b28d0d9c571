import { headerPairs } from './header-pairs.js'
import type { ParsedFile } from './schema.js'
import type { HealthSettings, TlsSettings } from './settings.js'

const VERSIONS = {
  'tls1.0': 'TLSv1',
  'tls1.1': 'TLSv1.1',
  'tls1.2': 'TLSv1.2',
  'tls1.3': 'TLSv1.3',
} as const

/** Undefined: plain HTTP. */
export function toTls(tls: ParsedFile['http']['tls']): TlsSettings | undefined {
  if (tls.certificate === '') return undefined
  return {
    certificate: tls.certificate,
    key: tls.key,
    clientCas: tls.clientcas,
    minimumVersion: VERSIONS[tls.minimumtls],
    cipherSuites: tls.ciphersuites.length === 0 ? undefined : tls.ciphersuites,
  }
}

/** A threshold of 0 is 1, as in registry:2. */
export function toHealth({ storagedriver, file, http, tcp }: ParsedFile['health']): HealthSettings {
  const counted = ({ interval, threshold }: { interval: number; threshold: number }) => ({
    intervalMs: interval,
    threshold: Math.max(1, threshold),
  })
  return {
    storage: storagedriver.enabled ? counted(storagedriver) : undefined,
    files: file.map((each) => ({ file: each.file, ...counted(each) })),
    http: http.map((each) => ({
      uri: each.uri,
      headers: headerPairs(each.headers),
      statusCode: each.statuscode,
      timeoutMs: each.timeout,
      ...counted(each),
    })),
    tcp: tcp.map((each) => ({ ...each.addr, timeoutMs: each.timeout, ...counted(each) })),
  }
}
