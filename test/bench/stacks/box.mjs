// The whole box as `npm start` runs it: nginx as the control plane has rendered it, the core, the control plane, Postgres.
// All of them count: what the box needs beside the data path is in every figure of it.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { RunningBox } from '../../dist/box/running-box.js'
import { registryConfig, tunedProxy } from './peers.mjs'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

async function openBox(stack, name) {
  fs.chmodSync(stack.work, 0o755) // Postgres of a box that root starts runs as another user
  return RunningBox.open(path.join(stack.work, name))
}

const loginOf = ({ account: { name, password } }) => `${name}:${password}`

/** The box and the peer with a login: pushes need the account, pulls do not. */
export async function addBox(stack) {
  const box = await openBox(stack, 'box')
  const name = stack.adopt('box', { process: { pid: box.pid }, stop: () => box.stop() })
  const login = loginOf(box)
  const url = `https://127.0.0.1:${box.ports.tls}`
  stack.plain('box-tls', url, 'ours', [name], { pushAuth: login })
  stack.plain('box-login-tls', url, 'ours', [name], { auth: login })
  stack.plain('box-api', `https://127.0.0.1:${box.ports.admin}`, 'ours', [name], {
    headers: [`Authorization: Bearer ${box.token}`],
    data: box.data,
  })
}

/** The password `bench-password`, at the cost that Distribution's documentation has (`htpasswd -Bbn`: 5). */
const HTPASSWD = 'bench:$2y$05$k53y49XON9iz4DMa0/Kf.ujwr0Y2sdY9rctDhjQgJ3JQM4Gsjq6Z.\n'

/** Distribution with htpasswd behind the same nginx, over the store of the peer without. */
export function addLoginPeer(stack) {
  const port = stack.takePort()
  const file = path.join(stack.work, 'htpasswd')
  fs.writeFileSync(file, HTPASSWD)
  const config = registryConfig(stack, 'peer-login', port, { htpasswd: file })
  stack.start('peer-login', 'docker-registry', ['serve', config])
  stack.upstream('registry-login', [`127.0.0.1:${port}`])
  stack.server('peer-login-nginx-tls', {
    ...{ tls: true, kind: 'peer', pids: ['peer-login'] },
    body: tunedProxy('registry-login'),
    extra: { auth: 'bench:bench-password' },
  })
}

/** A box that has been started once, for a row that starts it again: the harness's arguments. */
export async function boxStartArgs(stack) {
  const box = await openBox(stack, 'start-box')
  await box.stop()
  const environment = Object.entries(box.environment).map(([key, value]) => `${key}=${value}`)
  const start = `env -C ${ROOT} ${environment.join(' ')} npm start`
  return [
    ...['--target', `box=https://127.0.0.1:${box.ports.tls}`, '--start-cmd', `box=${start}`],
    ...['--admin', `box=https://127.0.0.1:${box.ports.admin}`],
  ]
}
