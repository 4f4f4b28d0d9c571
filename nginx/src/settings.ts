/** What a person or a program decides about the front; everything else follows in the view. */
export interface FrontSettings {
  /** nginx's own folder, absolute: pid, logs and temporary folders lie in it, and all else without a generation. */
  readonly prefix: string
  readonly generation?: Generation
  /** The version that will run it, as `nginx -v` says it (`1.22.1`): syntax differs between them. */
  readonly nginxVersion: string
  /** Absolute path of the core's unix socket; a listener can name another one, where rights are different. */
  readonly coreSocket: string
  /** The folder that holds `docker/registry/v2`, absolute. */
  readonly storeRoot: string
  readonly listeners: readonly Listener[]
  /** Whom workers run as when the master is root: the core's user, since both read one store. */
  readonly user?: string
  /** Their group; of the user's name unless said otherwise. */
  readonly group?: string
  /** Worker processes; as many as there are processors unless said otherwise. */
  readonly workers?: number
  /** The largest request body, per layer, in nginx's notation (`16384m`); `0` is no limit. */
  readonly maxUploadSize?: string
  /** How long either side may stay silent in a transfer: client_body, send, proxy_read and proxy_send timeouts of nginx. */
  readonly timeoutSeconds?: number
  /** Connections of one worker process, to clients and to the core together; nginx closes those beyond at once. */
  readonly connectionsPerWorker?: number
  /** The authority that signed the certificates, PEM: plain listeners offer it as /ca.pem, and /ca says what to do. */
  readonly authority?: string
}

/** What one change of the settings makes anew, whole, beside what is in force. */
export interface Generation {
  /** Absolute: nginx.conf, error bodies and the authority's page lie in it. Its last part is the generation's name. */
  readonly folder: string
  /** A unix socket of nginx's, absolute, that says which generation is in force: nginx may have refused one. */
  readonly socket: string
}

/** What the names that clients ask for mean: as in a registry, as docker asks a mirror, or as names of one upstream. */
export type ListenerView = 'registry' | 'mirror' | { readonly upstream: string }

/** Hosts of clients that have a view of their own, on the port of the others. */
export interface VirtualHost {
  /** As in `quay.io`: without a port, and no pattern. A TLS listener's certificate has them too. */
  readonly names: readonly string[]
  readonly view: ListenerView
}

/** An address that nginx listens on, and what its clients get. */
export type Listener = RegistryListener | AdminListener | AuthorityListener | ChallengeListener

/** For clients of registries. */
export type RegistryListener = PlainListener | TlsListener

interface Views {
  /** Of every client whose Host is no virtual host; `registry` unless said otherwise. */
  readonly view?: ListenerView
  readonly virtualHosts?: readonly VirtualHost[]
  /** The core's socket that decides what clients of this listener may do; that of the settings unless said otherwise. */
  readonly coreSocket?: string
}

/** Plain HTTP: for clients on this machine, which trust 127.0.0.0/8. */
export interface PlainListener extends Views {
  readonly kind: 'http'
  /** An IP address, never a name. */
  readonly address: string
  readonly port: number
  /** As a `ChallengeListener`'s folder, where both share an address: each of its hosts answers an ACME server then. */
  readonly challenges?: string
}

/** TLS with HTTP/2, as Mozilla's intermediate profile has it. */
export interface TlsListener extends Views {
  readonly kind: 'tls'
  readonly address: string
  readonly port: number
  /** PEM files, absolute: the chain, and its key. */
  readonly certificate: string
  readonly key: string
  /** PEM of authorities, absolute: whoever shows no certificate of theirs is refused. */
  readonly clientAuthorities?: string
}

/** TLS for the control plane's API and console, which are on no other listener. */
export interface AdminListener {
  readonly kind: 'admin'
  readonly address: string
  readonly port: number
  readonly certificate: string
  readonly key: string
  /** Absolute path of the control plane's unix socket. */
  readonly apiSocket: string
}

/** Plain HTTP with the authority's page and nothing else: for machines that do not trust it yet. */
export interface AuthorityListener {
  readonly kind: 'authority'
  readonly address: string
  readonly port: number
}

/** Plain HTTP with what an ACME server looks for (HTTP-01) and nothing else: port 80, as a rule. */
export interface ChallengeListener {
  readonly kind: 'challenge'
  readonly address: string
  readonly port: number
  /** The folder whose files are the answers, absolute; each is called as its token. */
  readonly folder: string
}

/** 16 GiB a layer: nginx itself takes 1m, in which no image fits. */
export const DEFAULT_MAX_UPLOAD_SIZE = '16384m'
/** What docs.docker.com advises for nginx before a registry. */
export const DEFAULT_TIMEOUT_SECONDS = 900
/** A thousand daemons behind one address, three downloads each, and as many connections to the core, on one worker. */
export const DEFAULT_CONNECTIONS_PER_WORKER = 10_240

/** The most that `timeoutSeconds` may be: a day. */
export const LONGEST_TIMEOUT_SECONDS = 86_400

/** A size in nginx's notation, up to what its 64-bit offsets hold (ngx_parse_offset); `0` is no limit. */
export const SIZE = /^(?:0|[1-9][0-9]{0,11}|[1-9][0-9]{0,8}[kmgKMG])$/

const UNITS: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** A size as bytes; not a number when `SIZE` does not take it. */
export function sizeInBytes(text: string): number {
  if (!SIZE.test(text)) return Number.NaN
  const unit = UNITS[text.slice(-1).toLowerCase()]
  return unit === undefined ? Number(text) : Number(text.slice(0, -1)) * unit
}
