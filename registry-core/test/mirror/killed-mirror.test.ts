import { expect, test } from '@jest/globals'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import { seededChance } from '../seeded-chance.js'
import { MirrorOfScript, STALE_MS } from './mirror-of-script.js'
import { fetched } from './scripted-upstream.js'

const OLD = fetched('{"schemaVersion":2,"old":1}')
const NEW = fetched('{"schemaVersion":2,"new":1}')
const either = [OLD, NEW].flatMap(({ bytes }) => [
  `stale docker.io ${bytes.toString()}`,
  `hit docker.io ${bytes.toString()}`,
])

/** A mirror that has the old image, and whose upstream has moved on. */
async function behind(): Promise<MirrorOfScript> {
  const mirror = await MirrorOfScript.open()
  mirror.scripted.has('latest', OLD)
  await mirror.pull('latest')
  await mirror.clock.advance(STALE_MS)
  mirror.scripted.has('latest', NEW)
  return mirror
}

async function callsOfMove(): Promise<number> {
  const mirror = await behind()
  const before = mirror.fs.calls.length
  await mirror.pull('latest')
  return mirror.fs.calls.length - before
}

test('a mirror that dies while a tag moves, by kill or power cut, serves the old or the new image in an outage', async () => {
  const calls = await callsOfMove()
  expect(calls).toBeGreaterThan(20)
  for (let at = 1; at <= calls; at += 1) {
    const dying = await behind()
    const { fs, clock } = dying
    fs.crashAt(fs.calls.length + at)
    void dying.pull('latest')
    await fs.died
    const found = [
      { disk: fs.disk.clone(), boot: 'boot0000' },
      { disk: fs.disk.afterPowerCut('ordered', seededChance(at)), boot: 'boot0001' },
      { disk: fs.disk.afterPowerCut('weak', seededChance(at)), boot: 'boot0001' },
    ]
    for (const after of found) {
      const mirror = await MirrorOfScript.open(after, clock)
      mirror.scripted.fails(new UpstreamFailure('dns', 'no address'))
      expect(either).toContain(await mirror.pull('latest'))
      expect(await mirror.pull(OLD.digest)).toBe(`hit docker.io ${OLD.bytes.toString()}`)
      mirror.scripted.has('latest', NEW)
      await clock.advance(STALE_MS)
      expect(await mirror.pull('latest')).toContain(NEW.bytes.toString())
      await mirror.manifests.close()
    }
  }
}, 120_000)
