import { RegistryError } from '../oci/failure.js'
import type { Mirrors } from '../mirror/mirrors.js'

/** How a listener finds its view: it has one, or nginx says so in headers that it always overwrites. */
export type ListenerView = 'registry' | 'mirror' | 'header' | { readonly upstream: string }

/** Where a request has come to: what its listener, nginx and `Host` say, before anybody looks at a name. */
export type Place =
  | { readonly kind: 'registry' }
  | { readonly kind: 'mirror' }
  /** A virtual host, or a listener, that stands for one upstream. */
  | { readonly kind: 'upstream'; readonly host: string }

/** The headers that decide: those of nginx, and `Host`. */
export interface PlaceHeaders {
  readonly 'x-entrepot-view'?: string | string[] | undefined
  readonly 'x-entrepot-upstream'?: string | string[] | undefined
  readonly host?: string | undefined
}

const REGISTRY: Place = { kind: 'registry' }
const MIRROR: Place = { kind: 'mirror' }

/**
 * `Host` only chooses a virtual host, from the closed list of upstreams; an unknown one gets the listener's own view.
 * @throws RegistryError `header-malformed` for a view that is not served
 */
export function findPlace(view: ListenerView, headers: PlaceHeaders, mirrors: Mirrors): Place {
  if (typeof view === 'object') return { kind: 'upstream', host: view.upstream }
  if (view === 'header') return placeOfHeaders(headers, mirrors)
  const named = mirrors.isEmpty || headers.host === undefined ? undefined : virtualHost(headers.host, mirrors)
  if (named !== undefined) return named
  return view === 'mirror' ? MIRROR : REGISTRY
}

function placeOfHeaders(headers: PlaceHeaders, mirrors: Mirrors): Place {
  const view = headers['x-entrepot-view']
  switch (view) {
    case 'registry':
      return REGISTRY
    case 'mirror':
      return MIRROR
    case 'upstream': {
      const found = mirrors.find([headers['x-entrepot-upstream'] ?? ''].flat().join(', '))
      if (found) return { kind: 'upstream', host: found.host }
      throw malformed('X-Entrepot-Upstream', headers['x-entrepot-upstream'], 'the host of an upstream')
    }
    default:
      throw malformed('X-Entrepot-View', view, 'registry, mirror or upstream')
  }
}

/** With its port, or without the one that its scheme has anyway. */
function virtualHost(host: string, mirrors: Mirrors): Place | undefined {
  const found = mirrors.find(host.replace(/:(?:80|443)$/, ''))
  return found && { kind: 'upstream', host: found.host }
}

function malformed(header: string, found: string | string[] | undefined, allowed: string): RegistryError {
  return new RegistryError('header-malformed', { header, found: [found ?? ''].flat().join(', '), allowed })
}

/** As people read it: `mirror`, `upstream quay.io`. */
export function viewText(view: ListenerView): string {
  return typeof view === 'object' ? `upstream ${view.upstream}` : view
}
