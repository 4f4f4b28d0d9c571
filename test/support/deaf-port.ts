import { once } from 'node:events'
import net, { type Socket } from 'node:net'

import { systemClock } from '#core/system/clock.js'
import { eventually } from './eventually.js'
import { freePort, startProcess, untilListening } from './processes.js'

/** A port that nobody answers on: a connection to it is neither taken nor refused, as by a black hole. */
export interface DeafPort {
  readonly port: number
  close(): Promise<void>
}

const LISTEN = `require('node:net').createServer().listen({
  port: Number(process.argv[1]), host: '127.0.0.1', backlog: 1 })`

/** A process listens, is frozen, and its short queue is filled: the kernel then drops whoever else comes. */
export async function openDeafPort(): Promise<DeafPort> {
  const port = await freePort()
  const running = await startProcess(process.execPath, ['-e', LISTEN, '--', String(port)])
  const queued: Socket[] = []
  const close = async (): Promise<void> => {
    for (const socket of queued) socket.destroy()
    running.signal('SIGKILL')
    await running.ended
  }
  try {
    await untilListening({ port }, running)
    running.signal('SIGSTOP')
    await eventually('the queue is full', async () => {
      const socket = net.connect({ port, host: '127.0.0.1' }).on('error', () => undefined)
      queued.push(socket)
      return Promise.race([
        once(socket, 'connect').then(() => false),
        systemClock.sleep(300).then(() => true),
      ])
    })
    return { port, close }
  } catch (error) {
    await close()
    throw error
  }
}
