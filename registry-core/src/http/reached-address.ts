import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const CLIENT_HOST = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/

/**
 * Scheme and host as the client typed them, for the realm that it will send its password to: nobody but nginx is
 * believed. Where it sent no usable host, the address that it reached.
 */
export function realmOrigin({ headers, socket }: IncomingMessage, isBehindNginx: boolean): string {
  const forwarded = isBehindNginx ? headers['x-forwarded-proto'] : undefined
  const { host = '' } = headers
  const { localAddress = 'localhost', localPort } = socket
  const reached = localAddress.includes(':') ? `[${localAddress}]` : localAddress
  const usable = CLIENT_HOST.test(host) ? host : localPort === undefined ? reached : `${reached}:${localPort}`
  return `${scheme(socket, forwarded)}://${usable}`
}

const PRINTABLE_HOST = /^[A-Za-z0-9.:_[\]-]{1,260}$/

/**
 * Where the client reached us, for links in notifications only; empty where it sent no usable host. Whoever forwards
 * says by which protocol, as for registry:2; anybody may, and then deceives those who read of their own request.
 */
export function eventOrigin({ headers, socket }: IncomingMessage): string {
  const { host = '' } = headers
  return PRINTABLE_HOST.test(host) ? `${scheme(socket, headers['x-forwarded-proto'])}://${host}` : ''
}

function scheme(socket: Socket, forwarded: string | readonly string[] | undefined): 'https' | 'http' {
  const isSecure = forwarded === undefined ? 'encrypted' in socket : forwarded === 'https'
  return isSecure ? 'https' : 'http'
}
