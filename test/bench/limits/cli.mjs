// What the limit programs share: options, and listening on a port of 127.0.0.1 or on a unix socket.
import fs from 'node:fs'

const argv = process.argv.slice(2)

export const flag = (name) => argv.includes(name)
export const option = (name, fallback) => (flag(name) ? argv[argv.indexOf(name) + 1] : fallback)

export function listen(server, where) {
  if (!where.startsWith('unix:')) return server.listen(Number(where), '127.0.0.1', 4096)
  const path = where.slice(5)
  fs.rmSync(path, { force: true })
  return server.listen(path)
}
