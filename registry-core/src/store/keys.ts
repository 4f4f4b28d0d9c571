/**
 * Where things lie. CNCF Distribution's tree, byte for byte, and what we add to it (gc-protocol §2):
 *
 *     <root>/docker/registry/v2/
 *       blobs/<alg>/<xx>/<hex>/            data · lease*
 *       repositories/<name>/
 *         _layers/<alg>/<hex>/link
 *         _manifests/revisions/<alg>/<hex>/  link · pushed* · upstream* · pulled*
 *         _manifests/revisions/fetched*    a mirror has written here
 *         _manifests/tags/<tag>/           current/link · index/<alg>/<hex>/link · upstream*
 *         _referrers*\/<alg>/<subject>/<xx>/<alg>-<hex>
 *         _uploads/                        registry:2's own sessions; ours never lie here
 *     <root>/entrepot*\/
 *       store.json  secret  tmp/  uploads/<id>/  partial/  journal/  bookmarks/<reader>/  processes/  runs/  takes/<xx>/  trash/<alg>/<xx>/  trash/links/<xx>/  quarantine/<alg>/
 *
 * `*` marks ours. Never a file directly in a repository folder, never a name `link` of our own, no temporary name
 * inside the tree: registry:2's collector would stop, or delete live images.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { algorithmOf, type Digest, hexOf } from '../oci/digest.js'
import type { Tag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Linkage, StoreObject } from './store.js'

export class Keys {
  readonly root: string
  readonly tree: string
  readonly blobs: string
  readonly repositories: string
  readonly own: string

  constructor(root: string) {
    this.root = root
    this.tree = join(root, 'docker/registry/v2')
    this.blobs = `${this.tree}/blobs`
    this.repositories = `${this.tree}/repositories`
    this.own = join(root, 'entrepot')
  }

  blobFolder(digest: Digest): string {
    return `${this.blobs}/${blobPath(digest)}`
  }

  data(digest: Digest): string {
    return `${this.blobFolder(digest)}/data`
  }

  lease(digest: Digest): string {
    return `${this.blobFolder(digest)}/lease`
  }

  repository(name: RepositoryName): string {
    return `${this.repositories}/${name}`
  }

  linkFolder(linkage: Linkage, name: RepositoryName, digest: Digest): string {
    const kind = linkage === 'layer' ? '_layers' : '_manifests/revisions'
    return `${this.repository(name)}/${kind}/${algorithmOf(digest)}/${hexOf(digest)}`
  }

  link(linkage: Linkage, name: RepositoryName, digest: Digest): string {
    return `${this.linkFolder(linkage, name, digest)}/link`
  }

  /** The folders of all revisions, one for each algorithm, lie here. */
  revisions(name: RepositoryName): string {
    return `${this.repository(name)}/_manifests/revisions`
  }

  /** Stands there before the first note of an upstream does, of a revision or a tag, and stays (ADR 13). */
  fetchedMark(name: RepositoryName): string {
    return `${this.revisions(name)}/fetched`
  }

  tags(name: RepositoryName): string {
    return `${this.repository(name)}/_manifests/tags`
  }

  tagFolder(name: RepositoryName, tag: Tag): string {
    return `${this.tags(name)}/${tag}`
  }

  tagLink(name: RepositoryName, tag: Tag): string {
    return `${this.tagFolder(name, tag)}/current/link`
  }

  tagIndexLink(name: RepositoryName, tag: Tag, digest: Digest): string {
    return `${this.tagFolder(name, tag)}/index/${algorithmOf(digest)}/${hexOf(digest)}/link`
  }

  /** What says that a mirror wrote the tag. */
  tagOrigin(name: RepositoryName, tag: Tag): string {
    return `${this.tagFolder(name, tag)}/upstream`
  }

  referrers(name: RepositoryName, subject: Digest): string {
    return `${this.repository(name)}/_referrers/${algorithmOf(subject)}/${hexOf(subject)}`
  }

  /** Where an object lies while it is alive. */
  place(object: StoreObject): string {
    return object.kind === 'data'
      ? this.data(object.digest)
      : this.link(object.kind, object.repository, object.digest)
  }

  /** The folder in trash where an object's names stand, and how they begin: `<hex>.<runId>`. */
  trash(object: StoreObject): { readonly folder: string; readonly hex: string } {
    if (object.kind === 'data') {
      const hex = hexOf(object.digest)
      return { folder: `${this.own}/trash/${algorithmOf(object.digest)}/${hex.slice(0, 2)}`, hex }
    }
    const hex = sha256Hex(`${object.kind}\0${object.repository}\0${object.digest}`)
    return { folder: `${this.own}/trash/links/${hex.slice(0, 2)}`, hex }
  }

  /** The folder where removers of a tag announce themselves: `<key>.<runId>` (gc-protocol §5). */
  takes(name: RepositoryName, tag: Tag): { readonly folder: string; readonly key: string } {
    const key = sha256Hex(`${name}\0${tag}`)
    return { folder: `${this.own}/takes/${key.slice(0, 2)}`, key }
  }

  get temporary(): string {
    return `${this.own}/tmp`
  }

  /** What only the registry's user may read: the keys of tokens. */
  get secret(): string {
    return `${this.own}/secret`
  }

  /** What is being fetched. */
  get partial(): string {
    return `${this.own}/partial`
  }

  upload(id: string): string {
    return `${this.own}/uploads/${id}`
  }

  /** Where a reader keeps how far it has come: a file a part of the journal and keeper, `<part>@<process>`. */
  bookmarks(reader: string): string {
    return `${this.own}/bookmarks/${reader}`
  }

  /** A file whose time says that the process lives. */
  presence(process: string): string {
    return `${this.own}/processes/${process}`
  }

  quarantine(digest: Digest): string {
    return `${this.own}/quarantine/${algorithmOf(digest)}`
  }
}

/** A blob's folder relative to the folder of all blobs: `<alg>/<xx>/<hex>`. */
export function blobPath(digest: Digest): string {
  const hex = hexOf(digest)
  return `${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}`
}

/** 00 … ff: the folders that are all made at the first start, so that nothing has to make one later. */
export const SHARDS: readonly string[] = Array.from({ length: 256 }, (_, n) =>
  n.toString(16).padStart(2, '0'),
)

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
