import { once } from 'node:events'

import { expect, test } from '@jest/globals'

import { NEEDS } from '../front/suite.js'
import { eventually } from '../support/eventually.js'
import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { startTlsTarget } from './tls-target.js'

/** nginx waits a minute for a head (client_header_timeout). */
const LATEST_MS = 120_000

const programs = await nginxPrograms()

describeNeeding(NEEDS, 'a client that is too slow', () => {
  for (const program of programs)
    test(`a head that comes byte by byte is cut (nginx ${program.version})`, async () => {
      const target = await startTlsTarget(program)
      try {
        const socket = await target.rawConnect()
        socket.on('error', () => undefined)
        const closed = once(socket, 'close')
        const started = performance.now()
        let sent = 0
        await eventually(
          'it is closed',
          () => {
            if (performance.now() - started > sent * 1000 && sent++ >= 0) socket.write('G')
            return socket.destroyed
          },
          { deadlineMs: LATEST_MS },
        )
        await closed
        expect(socket.destroyed).toBe(true)
      } finally {
        await target.remove()
      }
    }, 180_000)
})
