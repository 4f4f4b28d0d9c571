import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import tls from 'node:tls'

import { expect, test } from '@jest/globals'

import type { RunningBox } from '../../box/running-box.js'
import { lines, sendRaw } from '../../support/raw-http.js'

const PORTS = ['tls', 'mirrorTls', 'admin'] as const

/** Row 76. */
export function testTls(box: () => RunningBox): void {
  async function handshake(
    port: (typeof PORTS)[number],
    more: tls.ConnectionOptions = {},
  ): Promise<tls.TLSSocket> {
    const ca = readFileSync(box().caFile)
    const socket = tls.connect({ host: '127.0.0.1', port: box().ports[port], ca, ...more })
    await once(socket, 'secureConnect')
    return socket
  }

  test.each(PORTS)('TLS before 1.2 is not spoken, nor what is weak: %s', async (port) => {
    const weak: readonly tls.ConnectionOptions[] = [
      ...(['TLSv1', 'TLSv1.1'] as const).map((version) => ({
        ...{ minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' },
      })),
      ...['AES128-SHA', 'AES256-GCM-SHA384', 'NULL-SHA256', 'ADH-AES128-SHA256'].map((cipher) => ({
        ...{ maxVersion: 'TLSv1.2' as const, ciphers: `${cipher}:@SECLEVEL=0` },
      })),
    ]
    for (const options of weak)
      await expect(handshake(port, options)).rejects.toMatchObject({ code: expect.stringMatching(/^E/) })
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await handshake(port, { minVersion: version, maxVersion: version })
      expect(socket.getProtocol()).toBe(version)
      socket.destroy()
    }
  })

  test('a name that nobody knows in the handshake is given what the listener has, and no other', async () => {
    const checkServerIdentity = (): undefined => undefined
    for (const servername of ['unknown.example', 'docker.io', '_', 'localhost'])
      for (const port of PORTS) {
        const socket = await handshake(port, { servername, checkServerIdentity })
        const { answers } = await sendRaw(
          socket,
          lines('GET /api/v1/accounts HTTP/1.1', `Host: ${servername}`),
          { answers: 1 },
        )
        expect([servername, port, answers[0]?.status]).toEqual([
          servername,
          port,
          port === 'admin' ? 401 : 404,
        ])
      }
  })

  test('a session of one port opens nothing on another', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const versions = { minVersion: version, maxVersion: version }
      const first = await handshake('tls', versions)
      const kept = once(first, 'session')
      first.write(lines('GET /v2/ HTTP/1.1', 'Host: a'))
      const session = first.getSession() ?? ((await kept) as [Buffer])[0]
      const second = await handshake('admin', { ...versions, session })
      const { answers } = await sendRaw(second, lines('GET /api/v1/accounts HTTP/1.1', 'Host: a'), {
        answers: 1,
      })
      expect(answers[0]?.status).toBe(401)
      first.destroy()
    }
  })
}
