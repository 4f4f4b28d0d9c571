import { createHash } from 'node:crypto'

import { type Digest, hexOf } from '#core/oci/digest.js'
import { STORE_ROOT } from '#core-test/simulated-store.js'
import type { SimulatedDisk } from '#core-test/simulated-disk.js'

const HEX = '(?:[0-9a-f]{64}|[0-9a-f]{128})'
const NAMED = `(sha256|sha512)/(${HEX})`
const PART = '[a-z0-9][a-z0-9._-]*'
const REPOSITORY = `repositories/${PART}(?:/${PART})*`
const TAG = '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'

/** Every file that may stand in Distribution's tree (gc-protocol §2), and what must be true of it. */
const FILES: readonly {
  readonly shape: RegExp
  readonly check?: (bytes: Buffer, match: RegExpExecArray) => string | undefined
}[] = [
  {
    shape: new RegExp(`^blobs/(sha256|sha512)/[0-9a-f]{2}/(${HEX})/data$`),
    check: (bytes, [, algorithm = '', hex]) =>
      createHash(algorithm).update(bytes).digest('hex') === hex ? undefined : 'does not have its digest',
  },
  { shape: new RegExp(`^blobs/(sha256|sha512)/[0-9a-f]{2}/${HEX}/lease$`), check: isEmpty },
  { shape: new RegExp(`^${REPOSITORY}/_layers/${NAMED}/link$`), check: isNamedDigest },
  { shape: new RegExp(`^${REPOSITORY}/_manifests/revisions/${NAMED}/link$`), check: isNamedDigest },
  { shape: new RegExp(`^${REPOSITORY}/_manifests/revisions/${NAMED}/pushed$`), check: isEmpty },
  { shape: new RegExp(`^${REPOSITORY}/_manifests/revisions/${NAMED}/(?:upstream|pulled)$`) },
  { shape: new RegExp(`^${REPOSITORY}/_manifests/revisions/fetched$`), check: isEmpty },
  { shape: new RegExp(`^${REPOSITORY}/_manifests/tags/${TAG}/upstream$`) },
  { shape: new RegExp(`^${REPOSITORY}/_manifests/tags/${TAG}/index/${NAMED}/link$`), check: isNamedDigest },
  {
    shape: new RegExp(`^${REPOSITORY}/_manifests/tags/${TAG}/current/link$`),
    check: (bytes) =>
      new RegExp(`^(?:sha256|sha512):${HEX}$`).test(bytes.toString('latin1')) ? undefined : 'is no digest',
  },
  {
    shape: new RegExp(`^${REPOSITORY}/_referrers/${NAMED}/[0-9a-f]{2}/(sha256|sha512)-(${HEX})$`),
    check: (bytes, [, , , algorithm, hex]) => isDescriptorOf(bytes, `${algorithm}:${hex}`),
  },
]

/** The folders in which nothing but what FILES names may stand. */
const TREE = `${STORE_ROOT}/docker/registry/v2/`
const OWN = new Set([
  'store.json',
  'tmp',
  'uploads',
  'journal',
  'bookmarks',
  'processes',
  'runs',
  'takes',
  'trash',
  'quarantine',
  'secret',
  'ballast',
])

/**
 * Reads the whole disk and says what registry:2 could not live with, or what is not what its name says.
 * @param damaged a blob that is known to be wrong
 */
export function checkTree(disk: SimulatedDisk, damaged?: Digest): readonly string[] {
  const wrong: string[] = []
  for (const { path, kind, inode } of disk.walk(STORE_ROOT)) {
    if (kind !== 'file') continue
    const bytes = disk.bytesOf(inode)
    if (isDataOf(path, damaged)) continue
    if (path.startsWith(TREE)) wrong.push(...checkFile(path, bytes))
    else if (!OWN.has(path.split('/')[3] ?? '')) wrong.push(`${path} should not be there`)
  }
  return wrong
}

function isDataOf(path: string, digest: Digest | undefined): boolean {
  return digest !== undefined && path.endsWith(`/${hexOf(digest)}/data`)
}

function checkFile(path: string, bytes: Buffer): readonly string[] {
  const name = path.slice(TREE.length)
  for (const { shape, check } of FILES) {
    const match = shape.exec(name)
    if (match === null) continue
    const problem = check?.(bytes, match)
    return problem === undefined ? [] : [`${path} ${problem}`]
  }
  return [`${path} should not be there`]
}

/**
 * Distribution looks for the current digest of a tag in its index. Only while a remover tidies beside a push may the
 * entry be missing for a moment.
 */
export function checkTagIndexes(disk: SimulatedDisk): readonly string[] {
  return disk
    .walk(`${TREE}repositories`)
    .filter(({ path }) => path.endsWith('/current/link'))
    .filter(({ path, inode }) => {
      const digest = disk.bytesOf(inode).toString('latin1').replace(':', '/')
      return disk.stat(path.replace(/current\/link$/, `index/${digest}/link`)) === undefined
    })
    .map(({ path }) => `${path} has no entry in the index of its tag`)
}

/** Who finds no mark looks for no notes, and shows what only an upstream's account may see (ADR 13). */
export function checkMarks(disk: SimulatedDisk): readonly string[] {
  return disk
    .walk(`${TREE}repositories`)
    .filter(({ path }) => path.endsWith('/upstream'))
    .filter(({ path }) => {
      const [manifests] = /^.*\/_manifests(?=\/)/.exec(path) ?? []
      return disk.stat(`${manifests}/revisions/fetched`) === undefined
    })
    .map(({ path }) => `${path} stands in a repository without the mark of a mirror`)
}

function isEmpty(bytes: Buffer): string | undefined {
  return bytes.length === 0 ? undefined : 'is not empty'
}

function isNamedDigest(bytes: Buffer, [, algorithm, hex]: RegExpExecArray): string | undefined {
  const text = bytes.toString('latin1')
  return text === `${algorithm}:${hex}` ? undefined : `holds ${JSON.stringify(text.slice(0, 100))}`
}

function isDescriptorOf(bytes: Buffer, digest: string): string | undefined {
  return bytes.toString().includes(`"digest":"${digest}"`) ? undefined : 'is no descriptor of what it names'
}
