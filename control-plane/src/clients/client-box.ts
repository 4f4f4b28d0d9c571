import { X509Certificate } from 'node:crypto'

import { SettingRefused } from '@entrepot/front'
import { HUB_ALIASES } from '@entrepot/registry-core/contract'

import {
  authorityWord,
  hostWord,
  imageWord,
  joined,
  pemText,
  lineText,
  portNumber,
  slugWord,
  upstreamWord,
  type Word,
} from './word.js'

/** What clients must know of a box, as the control plane has it in its settings. */
export interface ClientBox {
  /** The name or address that clients reach it by; its certificate has it. */
  readonly host: string
  /** The mirror's name, where a box tells its listeners apart by name; otherwise it is `host`. */
  readonly mirrorHost?: string
  readonly ports: {
    readonly registryTls: number
    readonly mirrorTls: number
    /** Plain HTTP, for clients on the box itself. */
    readonly registryHttp?: number
    readonly mirrorHttp?: number
  }
  /** The authority that signed the box's certificate. */
  readonly caPem: string
  /** SHA-256 of it, as openssl prints it: `AB:CD:…`. */
  readonly caFingerprint: string
  /** The certificate is somebody else's, whom the system's own list knows. */
  readonly isKnownAnyway?: boolean
  readonly upstreams: readonly { readonly host: string; readonly aliases: readonly string[] }[]
  /** Whether anybody pulls, or accounts only. */
  readonly access: 'open' | 'account'
  /** An image that this box alone has, by its bare name (`entrepot/probe:1`): to have pulled it proves the way. */
  readonly probe?: string
}

/** The same, as words that may stand in files. */
export interface ClientBoxView {
  readonly host: Word
  /** Host and port: of the registry, where clients push, and of the mirror. */
  readonly registry: Word
  readonly mirror: Word
  readonly registryUrl: Word
  readonly mirrorUrl: Word
  /** For names of files: no colon, no bracket. */
  readonly slug: Word
  /** Certificates in PEM, ended by a newline. */
  readonly caPem: Word
  readonly fingerprint: Word
  /** SHA-1 in hex without colons, as Windows calls a certificate. */
  readonly thumbprint: Word
  readonly isKnownAnyway: boolean
  /** Upstreams and their aliases, as names of images have them. */
  readonly hosts: readonly Word[]
  readonly isMirrorOfHub: boolean
  readonly needsAccount: boolean
  readonly isOnLoopback: boolean
  /** Port of the mirror over plain HTTP; 0 where there is none. */
  readonly plainMirrorPort: number
  readonly probe: Probe
}

/** What a client pulls to show that it does. */
export interface Probe {
  /** Its whole name: `docker.io/library/hello-world:latest`. */
  readonly image: Word
  /** Path and tag of it on the mirror, and the registry that it is asked for. */
  readonly path: Word
  readonly tag: Word
  /** Only the box has it: nothing else can have answered. */
  readonly isOnlyHere: boolean
  /** A box without Docker Hub and without an image of its own leaves it to the person. */
  readonly isKnown: boolean
}

/** The upstream whose images have names without a host: docker's `busybox` is `docker.io/library/busybox`. */
export const HUB = 'docker.io'

/** @throws SettingRefused that names what cannot stand in a client's file */
export function viewOfClientBox(box: ClientBox): ClientBoxView {
  const host = hostWord('host', box.host)
  const mirrorHost = box.mirrorHost === undefined ? host : hostWord('mirrorHost', box.mirrorHost)
  const registry = authorityWord(host, portNumber('ports.registryTls', box.ports.registryTls))
  const mirror = authorityWord(mirrorHost, portNumber('ports.mirrorTls', box.ports.mirrorTls))
  const { mirrorHttp } = box.ports
  // Clients turn these into docker.io themselves.
  const hosts = box.upstreams
    .flatMap((upstream) => [upstream.host, ...upstream.aliases])
    .filter((name) => !HUB_ALIASES.includes(name))
    .map((name) => upstreamWord('upstreams', name))
  const isMirrorOfHub = hosts.some((name) => name === HUB)
  return {
    ...{ host, registry, mirror, hosts: [...new Set(hosts)] },
    registryUrl: joined`https://${registry}`,
    mirrorUrl: joined`https://${mirror}`,
    slug: slugWord(host),
    ...authority(box),
    isKnownAnyway: box.isKnownAnyway === true,
    isMirrorOfHub,
    needsAccount: box.access === 'account',
    isOnLoopback: /^(127\.|\[::1\]$|localhost$)/.test(host),
    plainMirrorPort: mirrorHttp === undefined ? 0 : portNumber('ports.mirrorHttp', mirrorHttp),
    probe: probeOf(box, isMirrorOfHub, registry),
  }
}

function authority({
  caPem,
  caFingerprint,
}: ClientBox): Pick<ClientBoxView, 'caPem' | 'fingerprint' | 'thumbprint'> {
  const text = pemText('caPem', caPem)
  const { fingerprint256, fingerprint } = new X509Certificate(text)
  const asked = caFingerprint.toUpperCase()
  if (asked !== fingerprint256) throw new SettingRefused('caFingerprint', asked, `${fingerprint256} here`)
  return {
    caPem: text,
    fingerprint: lineText('fingerprint', fingerprint256),
    thumbprint: lineText('thumbprint', fingerprint.replaceAll(':', '')),
  }
}

function probeOf({ probe }: ClientBox, isMirrorOfHub: boolean, registry: Word): Probe {
  const [, path = '', tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(probe ?? 'library/hello-world') ?? []
  const words = { path: imageWord('probe', path), tag: imageWord('probe', tag) }
  const name = joined`${words.path}:${words.tag}`
  return {
    image: isMirrorOfHub ? joined`docker.io/${name}` : joined`${registry}/${name}`,
    ...words,
    isOnlyHere: probe !== undefined,
    isKnown: isMirrorOfHub || probe !== undefined,
  }
}
