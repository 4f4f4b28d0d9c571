import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { expect, test } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { useFrontedCore } from './fronted-core.js'
import { NEEDS } from './suite.js'

const DAEMONS = 1000
/** As dockerd pulls: so many layers at once. */
const LAYERS = 3

describeNeeding(NEEDS, 'a crowd behind one address', () => {
  const front = useFrontedCore()

  test(`of ${DAEMONS} daemons, with ${LAYERS} connections each, is served, and nobody is refused`, async () => {
    const bytes = randomBytes(256 * 1024)
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    const pushed = await front.client.post(`/v2/a/blobs/uploads/?digest=${digest}`, bytes)
    expect(pushed.status).toBe(201)
    const agents = Array.from({ length: DAEMONS }, () => new http.Agent({ keepAlive: true }))
    const options = { host: '127.0.0.1', port: front.nginx.httpPort, path: `/v2/a/blobs/${digest}` }
    const begun = await Promise.all(
      agents.flatMap((agent) =>
        Array.from({ length: LAYERS }, async () => {
          const request = http.get({ ...options, agent })
          const [response] = (await once(request, 'response')) as [http.IncomingMessage]
          return response // nobody reads on: all of them are open at once
        }),
      ),
    )
    expect(new Set(begun.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    const sizes = await Promise.all(
      begun.map(async (response) => {
        let sizeBytes = 0
        for await (const piece of response) sizeBytes += (piece as Buffer).length
        return sizeBytes
      }),
    )
    expect(new Set(sizes)).toEqual(new Set([bytes.length]))
    for (const agent of agents) agent.destroy()
    expect(front.nginx.errorLog()).not.toContain('worker_connections are not enough')
  })
})
