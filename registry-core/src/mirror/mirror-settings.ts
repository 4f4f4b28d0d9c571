import type { BlockList } from 'node:net'
import type { Glob } from '../oci/glob.js'

/** Whose content is mirrored, as the configuration says it: one value, swapped whole when the file is read anew. */
export interface MirrorSettings {
  /** The host that a bare name means on a mirror view; undefined: bare names are local only. */
  readonly defaultHost: string | undefined
  readonly upstreams: readonly UpstreamSettings[]
}

/** One upstream registry. */
export interface UpstreamSettings {
  /** Its name in paths, in `ns` and in the store: lower case, a port written as `_5000`. */
  readonly host: string
  /** Further names by which clients mean it. */
  readonly aliases: readonly string[]
  /** Where it is asked, in order of preference: scheme and host, never user or password. */
  readonly urls: readonly URL[]
  /** A password from a file is read anew when the file changes. */
  readonly credentials: UpstreamCredentials | undefined
  /** PEM of the authorities to trust besides the system's; undefined: only those. */
  readonly ca: string | undefined
  /** Undefined: what the environment says (`HTTPS_PROXY`, `NO_PROXY`, both cases). */
  readonly proxy: ProxySettings | undefined
  /** Addresses of name servers to ask in place of the system's. */
  readonly dns: readonly string[]
  /** Further hosts that may see the credential, as token services. */
  readonly realms: readonly string[]
  /** Addresses that may be dialled although they are loopback, link-local, metadata, or private behind a redirect. */
  readonly allowAddresses: BlockList
  /** How long a tag is served without asking; the first rule that matches decides. */
  readonly freshFor: { readonly rules: readonly FreshRule[]; readonly otherwiseMs: number | undefined }
  /** What a client is answered when nothing is cached and the upstream cannot be had. */
  readonly whenMissing: 404 | 503
  /** Who is served what only the upstream's account may see. */
  readonly expose: 'public' | 'all' | 'accounts'
  readonly maxConnections: number
  /** Of all transfers together; undefined: as fast as it goes. */
  readonly maxBytesPerSecond: number | undefined
  /** A credential may be sent although the host looks like a known one misspelt. */
  readonly isConfirmed: boolean
  /** `bare` as Distribution's proxy does (`proxy.remoteurl`): names in the store have no host before them. */
  readonly naming: 'host' | 'bare'
}

export interface UpstreamCredentials {
  readonly username: string
  readonly password: { readonly text: string } | { readonly file: string }
}

export interface ProxySettings {
  readonly url: URL
  /** `*.x`, `.x`, `x`, `10.0.0.0/8`, `*`. */
  readonly noProxy: readonly string[]
}

export interface FreshRule {
  readonly repository: Glob
  readonly tag: Glob
  readonly ms: number
}
