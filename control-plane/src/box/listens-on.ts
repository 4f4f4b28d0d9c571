import { once } from 'node:events'
import net from 'node:net'

/** Whether somebody takes connections on this unix socket; a file that a killed process left does not count. */
export async function listensOn(socketPath: string): Promise<boolean> {
  const socket = net.connect({ path: socketPath })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
