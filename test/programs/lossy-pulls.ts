/**
 * Pulls through a mirror while packets are lost on the way, to its clients and to its upstream, and then while the
 * upstream's connections are reset besides. It changes the packet filter: to be run as root in a network namespace of
 * its own, where nothing else is (test/faults/packet-loss.test.ts).
 * usage: lossy-pulls.js [--images N] [--loss P] [--resets P]; prints one line of JSON.
 */
import { createHash } from 'node:crypto'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { pullImage } from '../mirror/pulls.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { runToEnd } from '../support/processes.js'
import { textOf } from './simulation/text-of.js'

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '20' },
    loss: { type: 'string', default: '0.03' },
    resets: { type: 'string', default: '0.01' },
  },
})
/** Fewer than there are pulls at once: a slot that is never given back would stop the next. */
const SLOTS = 3
const AT_ONCE = 5
const HEALED_WITHIN_MS = 60_000
const LIMIT_MS = 200_000

setTimeout(() => {
  console.error('a pull never ends')
  process.exit(1) // and with it all processes of its namespace
}, LIMIT_MS).unref()

const root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
const upstream = await FakeUpstream.start()
const mirror = await startMirror({
  root,
  upstreams: [{ host: 'docker.io', at: upstream, maxConnections: SLOTS, freshFor: '1h' }],
})
try {
  const [lossy, reset] = [hold('lossy'), hold('reset')]
  await filter('-A', 'INPUT', ...matching(values.loss), '-j', 'DROP')
  const fetched = await pullAll(lossy)
  const cached = await pullAll(lossy)
  const dropped = await packets('DROP')
  const fromUpstream = ['-p', 'tcp', '--sport', String(upstream.port)]
  await filter(
    '-I',
    'INPUT',
    ...fromUpstream,
    ...matching(values.resets),
    '-j',
    'REJECT',
    '--reject-with',
    'tcp-reset',
  )
  const broken = await pullAll(reset)
  const resets = await packets('REJECT')
  await filter('-F', 'INPUT')
  const healed = await pullUntilWhole([...lossy, ...reset])
  const wrong = wrongBlobs()
  console.log(
    JSON.stringify({
      program: 'lossy-pulls',
      images: lossy.length,
      dropped,
      resets,
      ...{ fetched, cached, broken: broken.length, healed, wrong },
    }),
  )
} finally {
  await mirror.remove()
  await upstream.close()
  rmSync(root, { recursive: true, force: true })
}

function hold(kind: string): readonly (readonly [repository: string, image: Image])[] {
  return Array.from({ length: Number(values.images) }, (_, number) => {
    const image = makeImage({ layers: 2, layerSizeBytes: 300_000 })
    upstream.hold(`${kind}/app-${number}`, image, 'v1')
    return [`${kind}/app-${number}`, image] as const
  })
}

/** What did not come whole and right, in words. */
async function pullAll(all: readonly (readonly [string, Image])[]): Promise<readonly string[]> {
  const failed: string[] = []
  const waiting = [...all]
  const pullSome = async (through: Mirror): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const client = through.connect()
      try {
        await pullImage(client, [next[0], 'v1'], next[1])
      } catch (error) {
        failed.push(`${next[0]}: ${textOf(error)}`)
      }
      await client.close()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, () => pullSome(mirror)))
  return failed
}

/** What has failed rests for a while: again and again, for as long as that may take. */
async function pullUntilWhole(all: readonly (readonly [string, Image])[]): Promise<readonly string[]> {
  for (const end = performance.now() + HEALED_WITHIN_MS; ; ) {
    const failed = await pullAll(all)
    if (failed.length === 0 || performance.now() > end) return failed
    await wait(1000)
  }
}

function matching(probability: string): readonly string[] {
  return ['-m', 'statistic', '--mode', 'random', '--probability', probability]
}

async function filter(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd('iptables', ['-w', ...args])
  if (code !== 0) throw new Error(`iptables ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** How many packets the rules of a kind have hit. */
async function packets(kind: 'DROP' | 'REJECT'): Promise<number> {
  const rules = (await filter('-L', 'INPUT', '-n', '-v', '-x')).split('\n')
  return rules
    .filter((rule) => rule.includes(kind))
    .reduce((sum, rule) => sum + Number(rule.trim().split(/\s+/)[0]), 0)
}

/** Blobs of the store whose bytes are not what their names say. */
function wrongBlobs(): readonly string[] {
  const blobs = globSync('docker/registry/v2/blobs/sha256/*/*/data', { cwd: root })
  if (blobs.length === 0) return ['there is none at all']
  return blobs.filter((file) => {
    const digest = createHash('sha256')
      .update(readFileSync(path.join(root, file)))
      .digest('hex')
    return digest !== path.basename(path.dirname(file))
  })
}
