// Mirrors: an upstream 40 ms away, the peer as its mirror (`proxy.remoteurl`), and ours, where the same upstream stands under
// many names: what has failed under one of them is left alone there for a while, and another case takes another name.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startCore } from './ours.mjs'
import { startRegistry, tunedProxy } from './peers.mjs'
import { waitForPort } from './stack.mjs'

const PROGRAM = fileURLToPath(new URL('../upstream/far-upstream.mjs', import.meta.url))
const NAMES = 200

export async function addMirrors(stack) {
  const [port, control] = [stack.takePort(), stack.takePort()]
  stack.start('far-upstream', process.execPath, [
    ...[PROGRAM, '--port', String(port)],
    ...['--ctl-port', String(control)],
  ])
  await Promise.all([port, control].map((one) => waitForPort(one))) // Distribution ends at start when its upstream does not answer
  stack.counter = `http://127.0.0.1:${control}`
  addPeer(stack, `http://127.0.0.1:${port}`)
  await addOurs(stack, `http://127.0.0.1:${port}`)
}

function addPeer(stack, remote) {
  const port = startRegistry(stack, 'peer-mirror', {
    remote,
    root: path.join(stack.work, 'peer-mirror-store'),
  })
  stack.upstream('registry_mirror', [`127.0.0.1:${port}`])
  const mirror = { kind: 'mirror', body: tunedProxy('registry_mirror'), pids: ['peer-mirror'] }
  stack.server('peer-mirror-nginx-tls', { ...mirror, tls: true })
  stack.server('peer-mirror-nginx-http', mirror)
}

function addOurs(stack, url) {
  const upstreams = Array.from({ length: NAMES }, (_, i) => `far${i}.bench`)
  // A tag is fresh for an hour; one of a repository called `stale` never is.
  const freshFor = '[{ repository: library/stale*, freshFor: 1ms }, { freshFor: 1h }]'
  const more = [
    'mirrors:',
    '  upstreams:',
    ...upstreams.map(
      (host) =>
        `    - { host: ${host}, urls: ['${url}'], allowAddresses: [127.0.0.0/8], freshFor: ${freshFor} }`,
    ),
  ]
  const store = path.join(stack.work, 'ours-mirror-store')
  return startCore(stack, 'ours-mirror', store, { more, extra: { upstreams } })
}
