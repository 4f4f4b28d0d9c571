import { findUpstreamHost, UPSTREAM_HOST_FORM } from '@entrepot/registry-core/contract'

import { file, folder } from './checked-values.js'
import { type DirectiveValue, directiveValue, SettingRefused } from './directive-value.js'
import { listenPlaces } from './listen-places.js'
import type {
  AdminListener,
  Listener,
  ListenerView,
  RegistryListener,
  TlsListener,
  VirtualHost,
} from './settings.js'
import type { SocketNames } from './socket-names.js'

/** What every server block has. */
type PlaceView = {
  readonly listen: DirectiveValue
  /** nginx before 1.25.1 has HTTP/2 as a word of `listen`, later ones as a directive of its own. */
  readonly http2InListen: boolean
  readonly http2Directive: boolean
  readonly certificate: DirectiveValue
  readonly key: DirectiveValue
  readonly wantsCertificate: boolean
  readonly clientAuthorities: DirectiveValue
}

/** One server block of the registry: what a listener answers to everybody, or to clients of some hosts. */
export type ServerView = PlaceView & {
  /** The first block of an address: it has the options of the socket, and every Host that no other one names. */
  readonly isDefault: boolean
  readonly serverNames: readonly DirectiveValue[]
  /** The upstream block of the core's socket. */
  readonly core: DirectiveValue
  readonly view: DirectiveValue
  readonly isUpstream: boolean
  readonly upstream: DirectiveValue
  readonly isTls: boolean
  readonly offersAuthority: boolean
  readonly answersChallenges: boolean
  readonly challenges: DirectiveValue
}

/** The server block of an admin listener. */
export type AdminView = PlaceView & { readonly api: DirectiveValue }

/** The server block of a listener that offers the authority alone. */
export type AuthorityView = { readonly listen: DirectiveValue }

/** The server block of a listener for an ACME server's questions. */
export type ChallengeView = { readonly listen: DirectiveValue; readonly folder: DirectiveValue }

/** All server blocks. */
export type ServerViews = {
  readonly servers: readonly ServerView[]
  readonly adminServers: readonly AdminView[]
  readonly authorityServers: readonly AuthorityView[]
  readonly challengeServers: readonly ChallengeView[]
  readonly hasChallenges: boolean
}

interface Context {
  readonly http2IsDirective: boolean
  readonly hasAuthority: boolean
  readonly coreSocket: string
  readonly cores: SocketNames
  readonly apis: SocketNames
}

const UNUSED = directiveValue('unused', '-')

/** The blocks of each listener: its own first, one for each of its virtual hosts behind it. */
export function serverViews(listeners: readonly Listener[], context: Context): ServerViews {
  const servers: ServerView[] = []
  const adminServers: AdminView[] = []
  const authorityServers: AuthorityView[] = []
  const challengeServers: ChallengeView[] = []
  for (const [at, listen] of listenPlaces(listeners).entries()) {
    const listener = listeners[at]
    switch (listener?.kind) {
      case 'http':
      case 'tls':
        servers.push(...registryServers(listener, listen, context))
        break
      case 'admin': {
        const api = context.apis.nameOf('apiSocket', listener.apiSocket)
        adminServers.push({ ...placeView(listen, listener, context), api })
        break
      }
      case 'authority':
        if (!context.hasAuthority)
          throw new SettingRefused('authority', '', 'a certificate, for a listener that offers it')
        authorityServers.push({ listen })
        break
      case 'challenge':
        challengeServers.push({ listen, folder: folder('folder', listener.folder) })
        break
      case undefined:
    }
  }
  const hasChallenges =
    challengeServers.length > 0 || servers.some(({ answersChallenges }) => answersChallenges)
  return { servers, adminServers, authorityServers, challengeServers, hasChallenges }
}

function placeView(
  listen: DirectiveValue,
  listener: RegistryListener | AdminListener,
  { http2IsDirective }: Context,
): PlaceView {
  const isTls = listener.kind !== 'http'
  return {
    listen,
    http2InListen: isTls && !http2IsDirective,
    http2Directive: isTls && http2IsDirective,
    ...(isTls ? keyPair(listener) : { certificate: UNUSED, key: UNUSED }),
    ...authoritiesOf(listener),
  }
}

function authoritiesOf(
  listener: RegistryListener | AdminListener,
): Pick<PlaceView, 'wantsCertificate' | 'clientAuthorities'> {
  const named = listener.kind === 'tls' ? listener.clientAuthorities : undefined
  if (named === undefined) return { wantsCertificate: false, clientAuthorities: UNUSED }
  return { wantsCertificate: true, clientAuthorities: file('clientAuthorities', named) }
}

function keyPair({ certificate, key }: TlsListener | AdminListener): Pick<PlaceView, 'certificate' | 'key'> {
  return { certificate: file('certificate', certificate), key: file('key', key) }
}

function registryServers(
  listener: RegistryListener,
  listen: DirectiveValue,
  context: Context,
): readonly ServerView[] {
  const own: ServerView = {
    ...placeView(listen, listener, context),
    isDefault: true,
    serverNames: [],
    core: context.cores.nameOf('coreSocket', listener.coreSocket ?? context.coreSocket),
    ...viewFields(listener.view ?? 'registry'),
    isTls: listener.kind === 'tls',
    offersAuthority: listener.kind === 'http' && context.hasAuthority,
    ...challengesOf(listener),
  }
  return [own, ...virtualServers(own, listener.virtualHosts ?? [])]
}

function challengesOf(listener: RegistryListener): Pick<ServerView, 'answersChallenges' | 'challenges'> {
  const named = listener.kind === 'http' ? listener.challenges : undefined
  if (named === undefined) return { answersChallenges: false, challenges: UNUSED }
  return { answersChallenges: true, challenges: folder('challenges', named) }
}

function virtualServers(own: ServerView, hosts: readonly VirtualHost[]): readonly ServerView[] {
  const taken = new Set<string>()
  return hosts.map(({ names, view }) => {
    if (names.length === 0) throw new SettingRefused('virtualHosts', '[]', 'at least one name each')
    for (const name of names) {
      if (taken.has(name)) throw new SettingRefused('virtualHosts', name, 'each name once on a listener')
      taken.add(name)
    }
    return { ...own, ...viewFields(view), isDefault: false, serverNames: names.map(serverName) }
  })
}

function viewFields(view: ListenerView): Pick<ServerView, 'view' | 'isUpstream' | 'upstream'> {
  if (typeof view === 'string')
    return { view: directiveValue('view', view), isUpstream: false, upstream: UNUSED }
  const host = findUpstreamHost(view.upstream)
  if (host === undefined) throw new SettingRefused('upstream', view.upstream, UPSTREAM_HOST_FORM)
  return {
    view: directiveValue('view', 'upstream'),
    isUpstream: true,
    upstream: directiveValue('upstream', host),
  }
}

/** As nginx compares it: in lower case, without a port. Nothing that it would take for a pattern. */
function serverName(text: string): DirectiveValue {
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
  if (text.length > 253 || !new RegExp(`^${label}(?:\\.${label})*$`).test(text))
    throw new SettingRefused('virtualHosts', text, 'a host in lower case, without a port: quay.io')
  return directiveValue('virtualHosts', text)
}
