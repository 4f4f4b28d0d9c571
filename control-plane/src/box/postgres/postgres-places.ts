import path from 'node:path'

import { StartRefused } from '../start-refused.js'

/** Where everything of the embedded server lies. */
export interface PostgresPlaces {
  readonly folder: string
  /** Made as a whole and renamed: there is never a database without its password. */
  readonly cluster: string
  readonly data: string
  /** 0600: in the cluster, of whoever starts the box, not of the server's account. */
  readonly password: string
  /** Holds the socket and nothing else; the server's account owns it. */
  readonly socketFolder: string
}

/** PostgreSQL names its socket by a port, also when it listens on none. */
export const PORT = 5432

const LONGEST_SOCKET_PATH = 107 // sun_path of sockaddr_un, without its closing zero (unix(7))

/** initdb calls the server through a shell, between double quotes. */
const NOT_FOR_INITDB = /["$`\\\n]/

/** @throws StartRefused when a path is too long, or holds what initdb cannot quote */
export function postgresPlaces(folder: string, runFolder: string): PostgresPlaces {
  const socketFolder = path.join(runFolder, 'postgres')
  const socket = path.join(socketFolder, `.s.PGSQL.${PORT}`)
  const tooMany = Buffer.byteLength(socket) - LONGEST_SOCKET_PATH
  if (tooMany > 0) throw new StartRefused('postgres-socket-too-long', { socket, tooMany })
  if (NOT_FOR_INITDB.test(folder)) throw new StartRefused('postgres-folder-characters', { folder })
  const cluster = path.join(folder, 'cluster')
  const data = path.join(cluster, 'data')
  return { folder, cluster, data, password: path.join(cluster, 'password'), socketFolder }
}
