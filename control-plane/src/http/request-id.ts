import type { IncomingMessage } from 'node:http'

import type { Random } from '../system/random.js'

const HEADER = 'x-request-id'

/** The id that nginx gave the request, one for its log, the core's and ours; without nginx a new one. */
export function chooseRequestId(request: IncomingMessage, random: Random): string {
  const given = request.headers[HEADER]
  return typeof given === 'string' && /^[0-9a-zA-Z-]{1,64}$/.test(given) ? given : random.uuid()
}

/** The one that was chosen when the request came. */
export function requestIdOf({ id }: IncomingMessage): string {
  return typeof id === 'string' ? id : ''
}

/** Whom nginx has seen; without nginx (tests on the socket) nobody has an address. */
export function addressOf(request: IncomingMessage): string {
  const given = request.headers['x-real-ip']
  return typeof given === 'string' ? given : 'local'
}
