import http, { type IncomingHttpHeaders } from 'node:http'

import { eventually } from '../support/eventually.js'

/** A GET whose body is watched while it comes. */
export interface Download {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** What has come so far. */
  received(): Buffer
  /** Answers when so many bytes are there. */
  until(bytes: number): Promise<void>
  /** How it ended: as announced, or not. */
  readonly ended: Promise<'whole' | 'broken'>
  /** Reads no more, so that the connection fills up, until it is told to go on. */
  pause(): void
  resume(): void
  /** Destroys the connection. */
  leave(): void
}

/** Begins a GET on a connection of its own, and answers when the headers are there. */
export function download(
  port: number,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Download> {
  return new Promise((resolve, reject) => {
    const request = http.get({ port, host: '127.0.0.1', path: target, headers, agent: false })
    request.once('error', reject)
    request.once('response', (response) => {
      const pieces: Buffer[] = []
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        pieces.push(piece)
        bytes += piece.length
      })
      const ended = new Promise<'whole' | 'broken'>((end) => {
        response.once('close', () => end(response.complete ? 'whole' : 'broken'))
      })
      response.on('error', () => undefined) // `ended` tells
      request.on('error', () => undefined)
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        received: () => Buffer.concat(pieces),
        until: async (wanted) =>
          void (await eventually(`${wanted} bytes of ${target} (${bytes} so far)`, () => bytes >= wanted)),
        ended,
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        leave: () => void request.destroy(),
      })
    })
  })
}
