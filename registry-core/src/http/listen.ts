import { once } from 'node:events'
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { ListenAddress } from '../config/settings.js'
import { errorCode } from '../store/fs.js'

/**
 * Connections that wait to be taken, where the kernel allows so many (net.core.somaxconn). A unix socket refuses the next one
 * at once, and nginx answers 502: with Node's 511, a thousand clients that come together saw it.
 */
const BACKLOG = 4096

export interface Listening {
  readonly name: string
  readonly port: number | undefined
}

/** @throws code `EADDRINUSE` and the like, with a sentence that names the address */
export async function listen(server: Server, address: ListenAddress): Promise<Listening> {
  if (address.kind === 'unix') await removeStaleSocket(address.path)
  const arrived = once(server, 'listening')
  if (address.kind === 'unix') server.listen({ path: address.path, backlog: BACKLOG })
  else server.listen({ port: address.port, host: address.host, backlog: BACKLOG })
  try {
    await arrived
  } catch (error) {
    throw Object.assign(
      new Error(`cannot listen on ${addressName(address)}: ${sentenceOf(error)}`, { cause: error }),
      {
        code: errorCode(error),
      },
    )
  }
  if (address.kind === 'unix') {
    chmodSync(address.path, 0o660)
    return { name: `unix:${address.path}`, port: undefined }
  }
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
  return { name: addressName({ ...address, port }), port }
}

/** A socket that a killed process has left behind is removed; a live one, and whatever is no socket, stays. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return
  const probe = connect(path)
  try {
    await once(probe, 'connect')
  } catch (error) {
    if (errorCode(error) === 'ECONNREFUSED') unlinkSync(path)
  } finally {
    probe.destroy()
  }
}

/** The address as a person writes it: `127.0.0.1:5000`, `unix:run/core.sock`. */
export function addressName(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const host = address.host ?? '[::]'
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${address.port}`
}

function sentenceOf(error: unknown): string {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return 'another process listens there already'
    case 'EACCES':
      return 'this user may not (ports below 1024 belong to root)'
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address'
    default:
      return Error.isError(error) ? error.message : 'it failed'
  }
}
