import type { RenderedFile } from '@entrepot/front'

import type { Sealing } from '../system/sealed.js'
import { findSecrets, withoutProxyPassword } from '../upstreams/upstream-secrets.js'
import type { Intent } from './intent.js'

/** Upstreams as the core's file has them, and the files of a generation that they name. */
export interface LocalUpstreams {
  readonly upstreams: readonly object[]
  readonly files: readonly RenderedFile[]
  /** Passwords: written like the others, and kept in no history. */
  readonly secrets: readonly RenderedFile[]
}

/** `folder` is that of the generation, absolute. A password that another key has sealed is left out, and its user with it. */
export function localUpstreams(
  { upstreams }: Pick<Intent, 'upstreams'>,
  { folder, sealing }: { readonly folder: string; readonly sealing: Sealing },
): LocalUpstreams {
  const rendered = upstreams.map((upstream) => localUpstream(upstream, folder, sealing))
  return {
    upstreams: rendered.map(({ upstream }) => upstream),
    files: rendered.flatMap(({ files }) => files),
    secrets: rendered.flatMap(({ secrets }) => secrets),
  }
}

function localUpstream(
  { host, settings, sealedPassword }: Intent['upstreams'][number],
  folder: string,
  sealing: Sealing,
) {
  const { ca, proxy, username, ...others } = settings
  const name = `upstreams/${host.replaceAll(/[^a-z0-9.-]/g, '_')}`
  // Of another key: asked as nobody until it is set anew, and all else goes on.
  const found = findSecrets(sealing, host, sealedPassword)
  const { password, proxyPassword } = found ?? {}
  return {
    upstream: {
      ...{ host, ...others },
      ...(username !== undefined && found !== undefined && { username }),
      ...(proxy !== undefined && { proxy: withoutProxyPassword(proxy) }),
      ...(typeof ca === 'string' && { ca: `${folder}/${name}.ca.pem` }),
      ...(password !== undefined && { passwordFile: `${folder}/${name}.password` }),
      ...(proxyPassword !== undefined && { proxyPasswordFile: `${folder}/${name}.proxy-password` }),
    },
    files: typeof ca === 'string' ? [privateFile(`${name}.ca.pem`, ca)] : [],
    secrets: [
      ...(password === undefined ? [] : [privateFile(`${name}.password`, password)]),
      ...(proxyPassword === undefined ? [] : [privateFile(`${name}.proxy-password`, proxyPassword)]),
    ],
  }
}

function privateFile(path: string, text: string): RenderedFile {
  return { path, mode: 0o600, text }
}
