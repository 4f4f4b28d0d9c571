import { type Digest, findDigest, parseDigest } from './digest.js'
import { RegistryError } from './failure.js'

/** A tag (OCI distribution-spec, "Pulling manifests", `<reference>`). */
export type Tag = string & { readonly __type: 'Tag' }

/** What a client asks for by name: never both, never neither. */
export type Reference =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'digest'; readonly digest: Digest }

const TAG_SHAPE = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** @throws RegistryError `tag-invalid` */
export function parseTag(text: string): Tag {
  const tag = findTag(text)
  if (tag === undefined) throw new RegistryError('tag-invalid', { tag: text })
  return tag
}

/** The tag that the text is, or undefined. */
export function findTag(text: string): Tag | undefined {
  return TAG_SHAPE.test(text) ? (text as Tag) : undefined
}

/** @throws RegistryError `digest-malformed` when there is a colon, else `tag-invalid` */
export function parseReference(text: string): Reference {
  const digest = findDigest(text)
  if (digest !== undefined) return { kind: 'digest', digest }
  if (text.includes(':')) return { kind: 'digest', digest: parseDigest(text) }
  return { kind: 'tag', tag: parseTag(text) }
}

/** As it stands in a URL or a log line. */
export function referenceText(reference: Reference): string {
  return reference.kind === 'tag' ? reference.tag : reference.digest
}
