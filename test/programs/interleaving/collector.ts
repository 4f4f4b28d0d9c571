import { algorithmOf, type Digest, hexOf } from '#core/oci/digest.js'
import type { RepositoryName } from '#core/oci/repository.js'
import { Keys } from '#core/store/keys.js'
import type { StoreObject, TrashName } from '#core/store/store.js'
import { STORE_ROOT } from '#core-test/simulated-store.js'

import { takeIfStill } from './actors.js'
import { imageOf, IMAGES, REPOSITORIES, TAGS, type Town, type Worker } from './town.js'

const KEYS = new Keys(STORE_ROOT)

/** "Remove this revision unless it is renewed": the mtimes as they were when it was given (gc-protocol §6). */
interface Order {
  readonly object: StoreObject
  readonly pushedMs: number | undefined
}

/** Orders by the run in which they were carried out; every collector can read them, as it can the files in runs/. */
export type Orders = Map<string, Order>

let runs = 0

/**
 * One cycle of a collector as gc-protocol §7 has it, with G and T squeezed to nothing: whatever is not marked is
 * condemned at once, and destroyed by the next cycle. Only the order of looking and removing protects what is live.
 * A hasty one destroys what it has just condemned, without a second mark: it must be caught losing things.
 */
export async function collect(town: Town, orders: Orders, isHasty: boolean): Promise<void> {
  const worker = town.worker()
  runs += 1
  const runId = `20260301T120000000Z-${runs}-boot0000-${String(runs).padStart(12, '0')}`
  const order = await evictOne(town, worker)
  const snapshot = await trashNames(town, worker)
  const marked = await mark(worker, orders)
  for (const { name, object } of snapshot)
    if (marked.has(keyOf(object))) await worker.process.store.trash.settle(name, 'restore', object)
    else if (town.chance.happens(0.8)) await worker.process.store.trash.settle(name, 'destroy', object)
  for (const object of town.objects) {
    const isOrdered = order !== undefined && keyOf(order.object) === keyOf(object)
    if (marked.has(keyOf(object)) && !isOrdered) continue
    if (object.kind === 'revision' && !(isOrdered && isDue(worker, order, marked))) continue
    if (isOrdered) orders.set(runId, order)
    await condemn(worker, object, runId, isOrdered ? order : undefined)
    if (isHasty) await worker.process.store.trash.settle(trashName(object, runId), 'destroy', object)
  }
}

/** Orders a revision away, and takes its tags. */
async function evictOne(town: Town, worker: Worker): Promise<Order | undefined> {
  if (town.chance.happens(0.3)) return undefined
  const revisions = town.objects.filter(({ kind }) => kind === 'revision')
  const object = town.chance.pick(revisions)
  if (object.kind !== 'revision') return undefined
  const order = { object, pushedMs: pushedMs(worker, object.repository, object.digest) }
  for (const tag of TAGS)
    if ((await worker.process.store.links.findTag(object.repository, tag)) === object.digest)
      await takeIfStill(town, worker, object.repository, tag)
  return order
}

function isDue(worker: Worker, { object, pushedMs: ordered }: Order, marked: ReadonlySet<string>): boolean {
  if (object.kind !== 'revision' || marked.has(`tagged ${keyOf(object)}`)) return false
  return pushedMs(worker, object.repository, object.digest) === ordered
}

/** Renames it away, then looks whether it was renewed meanwhile (gc-protocol §7, step 4). */
async function condemn(
  { process, fs }: Worker,
  object: StoreObject,
  runId: string,
  order: Order | undefined,
): Promise<void> {
  if (!(await process.store.trash.condemn(object, runId))) return
  if (order === undefined || object.kind !== 'revision') return
  if (pushedMs({ process, fs }, object.repository, object.digest) === order.pushedMs) return
  await process.store.trash.settle(trashName(object, runId), 'restore', object)
}

function trashName(object: StoreObject, runId: string): TrashName {
  const { folder, hex } = KEYS.trash(object)
  return { folder, name: `${hex}.${runId}`, runId }
}

/** Every name in trash, with what it was. */
async function trashNames(
  { objects }: Town,
  { fs }: Worker,
): Promise<readonly { readonly name: TrashName; readonly object: StoreObject }[]> {
  const found: { name: TrashName; object: StoreObject }[] = []
  for (const object of objects) {
    const { folder, hex } = KEYS.trash(object)
    for (const { name } of (await fs.list(folder)) ?? [])
      if (name.startsWith(`${hex}.`))
        found.push({ object, name: { folder, name, runId: name.slice(name.indexOf('.') + 1) } })
  }
  return found
}

/** Roots, and everything that they reach, live or in trash (gc-protocol §7, step 2). */
async function mark(worker: Worker, orders: Orders): Promise<ReadonlySet<string>> {
  const marked = new Set<string>()
  for (const repository of REPOSITORIES) {
    for (const tag of TAGS) {
      const digest = await worker.process.store.links.findTag(repository, tag)
      if (digest === undefined) continue
      marked.add(`tagged ${keyOf({ kind: 'revision', repository, digest })}`)
      markImage(marked, repository, digest)
    }
    for (const { digest } of IMAGES)
      if (await isKept(worker, { kind: 'revision', repository, digest }, orders))
        markImage(marked, repository, digest)
  }
  return marked
}

/** A revision is kept unless an order that it was not renewed after names it; in place or in trash. */
async function isKept(
  worker: Worker,
  object: StoreObject & { readonly kind: 'revision' | 'layer' },
  orders: Orders,
): Promise<boolean> {
  const { fs } = worker
  if (fs.statNow(KEYS.place(object)) !== undefined) return true
  const { folder, hex } = KEYS.trash(object)
  const names = ((await fs.list(folder)) ?? []).filter(({ name }) => name.startsWith(`${hex}.`))
  const now = pushedMs(worker, object.repository, object.digest)
  const isOrdered = names.some(({ name }) => {
    const order = orders.get(name.slice(name.indexOf('.') + 1))
    return order !== undefined && order.pushedMs === now
  })
  if (names.length > 0) return !isOrdered
  if (fs.statNow(KEYS.place(object)) !== undefined) return true // it came back between the two looks
  // Neither in place nor in trash: somebody is writing it, unless it was destroyed by an order with these times.
  return now !== undefined && ![...orders.values()].some((order) => isOrderOf(order, object, now))
}

function isOrderOf(order: Order, object: StoreObject, pushedAtMs: number): boolean {
  return keyOf(order.object) === keyOf(object) && order.pushedMs === pushedAtMs
}

function markImage(marked: Set<string>, repository: RepositoryName, digest: Digest): void {
  marked.add(keyOf({ kind: 'revision', repository, digest }))
  marked.add(keyOf({ kind: 'data', digest }))
  for (const blob of imageOf(digest)?.blobs ?? []) {
    marked.add(keyOf({ kind: 'layer', repository, digest: blob.digest }))
    marked.add(keyOf({ kind: 'data', digest: blob.digest }))
  }
}

function pushedMs({ fs }: Worker, repository: RepositoryName, digest: Digest): number | undefined {
  const folder = `${KEYS.repository(repository)}/_manifests/revisions/${algorithmOf(digest)}/${hexOf(digest)}`
  return fs.statNow(`${folder}/pushed`)?.mtimeMs
}

function keyOf(object: StoreObject): string {
  return object.kind === 'data'
    ? `data ${object.digest}`
    : `${object.kind} ${object.repository} ${object.digest}`
}
