import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import { connect, type Socket } from 'node:net'

/** A forward proxy that goes to one server, whatever it is asked for, and remembers what that was. */
export interface ScriptedProxy {
  readonly url: URL
  /** `CONNECT quay.io:443`, `GET http://quay.io/v2/`. */
  readonly asked: readonly string[]
  readonly logins: readonly (string | undefined)[]
  close(): Promise<void>
}

export async function openScriptedProxy(
  target: URL,
  { status = 200 }: { readonly status?: number } = {},
): Promise<ScriptedProxy> {
  const asked: string[] = []
  const logins: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    logins.push(request.headers['proxy-authorization'])
    const url = new URL(request.url ?? '')
    if (status !== 200) return void response.writeHead(status).end()
    const options = { host: target.hostname, port: target.port, path: url.pathname + url.search }
    const onward = forward({ ...options, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    logins.push(request.headers['proxy-authorization'])
    socket.on('error', () => undefined)
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
    const onward = connect(Number(target.port), target.hostname, () => {
      socket.write('HTTP/1.1 200 Fine\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    onward.on('error', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  })
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the proxy has no port')
  return {
    url: new URL(`http://me:secret@127.0.0.1:${bound.port}`),
    asked,
    logins,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
