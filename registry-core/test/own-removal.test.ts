import { beforeEach, expect, test } from '@jest/globals'
import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { Keys } from '#core/store/keys.js'
import type { SimulatedFs } from './simulated-fs.js'
import { openAlone, type OpenedProcess, STORE_ROOT } from './simulated-store.js'

const REPOSITORY = parseRepositoryName('team/app')
const OTHER = parseRepositoryName('team/other')
const keys = new Keys(STORE_ROOT)

let fs: SimulatedFs
let core: OpenedProcess

beforeEach(async () => {
  ;({ fs, core } = await openAlone())
})

/** A revision as registry:2 leaves it, or a remover of ours that tidied away the `pushed` of a later push. */
async function publishWithoutPushed(text: string): Promise<Digest> {
  const digest = digestOfBytes('sha256', Buffer.from(text))
  await core.store.links.publishRevision(REPOSITORY, digest)
  await fs.unlink(pushedOf(digest))
  return digest
}

function pushedOf(digest: Digest): string {
  return `${keys.linkFolder('revision', REPOSITORY, digest)}/pushed`
}

async function look(): Promise<readonly string[]> {
  await core.store.lookForForeignWriter(new AbortController().signal)
  return core.store.warnings()
}

test('a revision whose removal stands in our records is no foreign one: it is given its pushed again', async () => {
  const digest = digestOfBytes('sha256', Buffer.from('ours'))
  await core.store.links.publishRevision(REPOSITORY, digest)
  expect(await core.store.links.removeRevision(REPOSITORY, digest)).toBe(true)
  await publishWithoutPushed('ours')
  expect(await look()).toEqual([])
  expect(core.store.links.isPushed(REPOSITORY, digest)).toBe(true)
})

test('records of another repository, or of a tag, explain nothing', async () => {
  const digest = await publishWithoutPushed('theirs')
  await core.store.records.add({ kind: 'delete-revision', repository: OTHER, digest })
  await core.store.records.add({ kind: 'take-tag', repository: REPOSITORY, tag: 'v1', digest })
  expect(await look()).toEqual([expect.stringContaining(`${digest} in ${REPOSITORY} was not pushed`)])
  expect(fs.statNow(pushedOf(digest))).toBeUndefined()
})

test('records are read only when there is something to explain', async () => {
  await core.store.links.publishRevision(REPOSITORY, digestOfBytes('sha256', Buffer.from('ours')))
  await core.store.records.add({ kind: 'delete-tag', repository: REPOSITORY, tag: 'v1' })
  const before = fs.calls.length
  expect(await look()).toEqual([])
  expect(fs.calls.slice(before).filter(({ path }) => path.includes('/runs'))).toEqual([])
})
