import type { Listener, PlainListener } from '@entrepot/front'

import type { Intent } from './intent.js'
import { nginxSettings } from './nginx-settings.schema.js'
import type { ServedCertificate } from './served-certificate.js'
import { challengesOf, type Site } from './site.js'
import { virtualHostsOf } from './virtual-hosts.js'

/** Where nginx listens, and the sockets that it asks; all absolute. */
export interface ListenersOptions {
  readonly site: Site
  /** Addresses of the TLS listeners, and of the plain ones. */
  readonly bind: readonly string[]
  readonly httpBind: readonly string[]
  readonly sockets: {
    /** For clients who may push without a login: those of the plain listeners. */
    readonly localCore: string
    readonly core: string
    /** For clients of TLS listeners where nobody may anything without a login. */
    readonly closedCore: string
    readonly control: string
    readonly api: string
    readonly generation: string
  }
}

interface Wanted {
  readonly intent: Intent
  readonly served: ServedCertificate
  /** A file with the authorities of the mirror's clients; undefined when it wants no certificates. */
  readonly clientAuthorities: string | undefined
}

/** Every address that nginx of this machine listens on. @throws SettingRefused */
export function localListeners(
  { site, bind, httpBind, sockets }: ListenersOptions,
  { intent, served, clientAuthorities }: Wanted,
): readonly Listener[] {
  const { ports } = site
  const settings = nginxSettings.parse(intent.nginx)
  const virtualHosts = virtualHostsOf(intent)
  const pair = { certificate: served.certificate, key: served.key }
  const core = { coreSocket: settings.anonymousPull ? sockets.core : sockets.closedCore }
  // Whoever has shown a certificate needs no account: Docker's graph driver could send none.
  const mirror = clientAuthorities === undefined ? core : { coreSocket: sockets.core, clientAuthorities }
  const hasAcme = intent.acme !== undefined && intent.acme !== null
  const hasVirtual = (port: number, own: number): boolean =>
    virtualHosts.length > 0 && port > 0 && port !== own
  const plain = httpBind.flatMap((address): PlainListener[] => [
    { kind: 'http', address, port: ports.registry, coreSocket: sockets.localCore, virtualHosts },
    { kind: 'http', address, port: ports.mirror, view: 'mirror' },
    ...(hasVirtual(settings.virtualHostsHttpPort, ports.registry)
      ? [{ kind: 'http', address, port: settings.virtualHostsHttpPort, virtualHosts } as const]
      : []),
  ])
  const challenges = challengesOf(site)
  const isAsked = ({ port }: PlainListener): boolean => hasAcme && port === site.acmePort
  const answering = new Set(plain.filter(isAsked).map(({ address }) => address))
  return [
    ...plain.map((listener) => (isAsked(listener) ? { ...listener, challenges } : listener)),
    ...bind.flatMap((address): Listener[] => [
      { kind: 'tls', address, port: ports.tls, ...core, ...pair, virtualHosts },
      { kind: 'tls', address, port: ports.mirrorTls, view: 'mirror', ...pair, ...mirror },
      ...(hasVirtual(settings.virtualHostsPort, ports.tls)
        ? [{ kind: 'tls', address, port: settings.virtualHostsPort, ...core, ...pair, virtualHosts } as const]
        : []),
      { kind: 'admin', address, port: ports.admin, ...pair, apiSocket: sockets.api },
      ...(hasAcme && !answering.has(address)
        ? [{ kind: 'challenge', address, port: site.acmePort, folder: challenges } as const]
        : []),
    ]),
  ]
}
