import { beforeEach, expect, test } from '@jest/globals'
import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { LastPulls } from '#core/registry/last-pull.js'
import { openStore, type OpenedStore } from '#core/store/filesystem/open-store.js'
import { FakeClock } from './fake-clock.js'
import { seededRandom } from './seeded-chance.js'
import { SimulatedDisk } from './simulated-disk.js'
import type { FaultCode } from './simulated-faults.js'
import { SimulatedFs } from './simulated-fs.js'
import { fakeIdentity, silentLog, STORE_ROOT } from './simulated-store.js'

const REPOSITORY = parseRepositoryName('a/b')
const DIGESTS: readonly Digest[] = ['one', 'two', 'three'].map((text) =>
  digestOfBytes('sha256', Buffer.from(text)),
)

let fs: SimulatedFs
let store: OpenedStore
let pulls: LastPulls

beforeEach(async () => {
  const clock = new FakeClock({ tickMs: 1 })
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  fs = new SimulatedFs(disk)
  const random = seededRandom(1)
  const identity = fakeIdentity({ clock, random, boot: 'boot' })
  const parts = { fs, clock, random, identity, log: silentLog }
  store = await openStore({ ...parts, root: STORE_ROOT, trySecondProcess: () => Promise.resolve(true) })
  for (const digest of DIGESTS) await store.links.publishRevision(REPOSITORY, digest)
  pulls = new LastPulls({ links: store.links, clock, log: silentLog })
  for (const digest of DIGESTS) pulls.note(REPOSITORY, digest)
})

function written(): number {
  const folder = `${STORE_ROOT}/docker/registry/v2/repositories/${REPOSITORY}/_manifests/revisions/sha256`
  return DIGESTS.filter((digest) => fs.statNow(`${folder}/${digest.slice(7)}/pulled`) !== undefined).length
}

/** The next `pulled` that is made fails. */
function failOnce(code: FaultCode): void {
  fs.fail({ code, times: 1, fits: ({ name, path }) => name === 'createNow' && path.endsWith('/pulled') })
}

test('the time of a pull that cannot be written does not hold up those of others', async () => {
  failOnce('EIO')
  await pulls.write()
  expect(written()).toBe(2)
})

test('a full disk keeps the times of pulls waiting', async () => {
  failOnce('ENOSPC')
  await pulls.write()
  expect(written()).toBe(0)
  await pulls.write()
  expect(written()).toBe(3)
})
