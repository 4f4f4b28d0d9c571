import { beforeEach, expect, test } from '@jest/globals'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { FileJournal } from '#core/store/journal.js'
import { FakeClock } from './fake-clock.js'
import { seededRandom } from './seeded-chance.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'
import { fakeIdentity, silentLog } from './simulated-store.js'

const FOLDER = '/journal'
const REPOSITORY = parseRepositoryName('a/b')
const ACTOR = { requestId: '', remoteAddress: '', method: 'DELETE', userAgent: '', account: '', origin: '' }
const STARTS = 33

let clock: FakeClock
let fs: SimulatedFs
let journal: FileJournal

beforeEach(() => {
  clock = new FakeClock({ tickMs: 1 })
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(FOLDER)
  fs = new SimulatedFs(disk)
  journal = open(1)
})

/** The journal of a process. */
function open(seed: number): FileJournal {
  const random = seededRandom(seed)
  const identity = fakeIdentity({ clock, random, boot: 'boot' })
  return new FileJournal({ fs, folder: FOLDER, clock, identity, log: silentLog })
}

async function note(tag: string, to = journal): Promise<void> {
  to.append({ kind: 'tag-deleted', repository: REPOSITORY, tag: parseTag(tag) }, ACTOR)
  await to.flush()
}

/** What a reader sees from the cursor on: tags, and how many entries were lost. */
async function read(cursor?: string): Promise<readonly (string | number)[] | undefined> {
  const found: (string | number)[] = []
  for (let at = cursor; ; ) {
    const page = await journal.read(at)
    if (page === undefined) return undefined
    for (const { event } of page.entries)
      if (event.kind === 'tag-deleted') found.push(event.tag)
      else if (event.kind === 'entries-lost') found.push(event.count)
    if (page.entries.length === 0) return found
    at = page.cursor
  }
}

test('what a quiet process writes is read although others have started often meanwhile', async () => {
  await note('early')
  for (let start = 1; start <= STARTS; start += 1) {
    const other = open(1 + start)
    await note('other', other)
    await other.close()
  }
  await note('late')
  expect(await read()).toContain('late')
})

test('a file that vanishes while it is written to costs no entry', async () => {
  await note('early')
  fs.beforeCall = ({ name, path }) => {
    if (name !== 'write') return
    fs.beforeCall = () => undefined
    fs.disk.unlink(path)
  }
  await note('late')
  expect(await read()).toEqual(['late'])
})

test('entries that the disk did not take are counted in the journal, once', async () => {
  await note('early')
  const { cursor } = (await journal.read(undefined)) ?? {}
  fs.fail({ code: 'ENOSPC', times: 1, fits: ({ name }) => name === 'write' })
  await note('lost')
  await note('late')
  await note('later')
  const found = await read(cursor)
  expect(found).toHaveLength(3)
  expect(new Set(found)).toEqual(new Set([1, 'late', 'later']))
})

test('what was lost last is said when the journal is closed', async () => {
  fs.fail({ code: 'ENOSPC', times: 1, fits: ({ name }) => name === 'write' })
  await note('lost')
  await journal.close()
  expect(await read()).toEqual([1])
})
