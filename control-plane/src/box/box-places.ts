import fs from 'node:fs'
import path from 'node:path'
import type { ApplyPlaces } from '../front/applying/apply-places.js'
import type { BoxSettings } from './box-settings.js'
import { StartRefused } from './start-refused.js'

/** Where everything of a box lies, all absolute and below its data folder. */
export interface BoxPlaces {
  readonly data: string
  /** The folder that holds `docker/registry/v2`. */
  readonly store: string
  /** The embedded server: a copy of its binaries, its data, its password file. */
  readonly postgres: string
  /** 32 bytes as base64, 0600: what encrypts secrets at rest. */
  readonly secretKey: string
  /** The own authority, and `server/` with the certificates that listeners use. */
  readonly certificates: string
  /** `generations/<id>/{nginx.conf, errors/, registry.yml}`. */
  readonly config: string
  /** A symlink to the generation in force; it does not exist before the first one is. */
  readonly currentConfig: string
  /** nginx's own folder: logs, temporary files, pid. */
  readonly nginx: string
  /** How far nginx's log is read, and who has pulled. */
  readonly traffic: string
  /** The sockets, and who has the folder. */
  readonly run: string
  /** registry-core, asked by nginx for clients who push with an account. */
  readonly coreSocket: string
  /** registry-core, asked by nginx where nobody may anything without an account. */
  readonly closedCoreSocket: string
  /** registry-core, asked by nginx for those of the plain listeners, who push without. */
  readonly localCoreSocket: string
  /** Says that clients' probe image was put into the store. */
  readonly probeMark: string
  /** registry-core, asked by the control plane. */
  readonly controlSocket: string
  /** The control plane, asked by nginx. */
  readonly apiSocket: string
  /** nginx, asked which generation it runs. */
  readonly generationSocket: string
}

/** Beyond it, no socket can be bound: sun_path has 108 bytes, and a zero ends it. */
const SOCKET_PATH_BYTES = 107
/** The longest of the names that parts give their sockets; that of Postgres. */
const LONGEST_SOCKET = 'postgres/.s.PGSQL.5432'
/** What a path in nginx's configuration cannot hold; its templates refuse the same. */
const NOT_FOR_NGINX = /[\s"';{}\\#$]/

/** @throws StartRefused when sockets or nginx cannot have such a folder */
export function placesOf({ data, secretKeyFile }: Pick<BoxSettings, 'data' | 'secretKeyFile'>): BoxPlaces {
  const below = (...names: string[]): string => path.join(data, ...names)
  const run = below('run')
  const tooLong = Buffer.byteLength(path.join(run, LONGEST_SOCKET)) - SOCKET_PATH_BYTES
  if (tooLong > 0) {
    const allowed = Buffer.byteLength(data) - tooLong
    const detail = { folder: data, limitBytes: SOCKET_PATH_BYTES, allowedBytes: allowed }
    throw new StartRefused('folder-too-long', detail)
  }
  if (NOT_FOR_NGINX.test(data)) throw new StartRefused('folder-characters', { folder: data })
  return {
    data,
    store: holdsStore(data) ? data : below('store'),
    postgres: below('postgres'),
    secretKey: secretKeyFile ?? below('secret.key'),
    certificates: below('certificates'),
    config: below('config'),
    currentConfig: below('config', 'current'),
    nginx: below('nginx'),
    traffic: below('nginx', 'traffic.json'),
    run,
    probeMark: below('probe-image'),
    coreSocket: path.join(run, 'core.sock'),
    closedCoreSocket: path.join(run, 'core-closed.sock'),
    localCoreSocket: path.join(run, 'core-local.sock'),
    controlSocket: path.join(run, 'control.sock'),
    apiSocket: path.join(run, 'api.sock'),
    generationSocket: path.join(run, 'front.sock'),
  }
}

/** The ones that a change of the configuration touches. */
export function applyPlacesOf({ config, nginx, generationSocket, controlSocket }: BoxPlaces): ApplyPlaces {
  return { config, prefix: nginx, generationSocket, controlSocket }
}

/** The folder is a store itself: a volume of registry:2, or one that an earlier `npm start` made. */
function holdsStore(folder: string): boolean {
  return ['docker', 'entrepot/store.json'].some((name) => fs.existsSync(path.join(folder, name)))
}
