import type { DescribedContent, GrowingContent, PulledContent, Served } from '../registry/source.js'
import type { StoredContent } from '../store/store.js'

/** What an endpoint wants said. `send.ts` alone turns it into bytes on a socket. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AnswerBody
  /** Where it comes from; of this process alone where it is missing. */
  readonly served?: Served
  /** Whoever gets this has pulled it. */
  readonly pulled?: PulledContent
}

export type AnswerBody =
  | { readonly kind: 'json'; readonly value: unknown }
  /** A small thing in memory; with its digest it can be asked for conditionally. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly type: string; readonly etag?: string }
  /** Content of the store: streamed, in parts if asked, or left to nginx. */
  | { readonly kind: 'content'; readonly content: StoredContent }
  /** What is being fetched: streamed as it comes. */
  | { readonly kind: 'growing'; readonly content: GrowingContent }
  /** The answer to HEAD for something that an upstream has. */
  | { readonly kind: 'described'; readonly content: DescribedContent }

/** A JSON document. */
export function json(value: unknown): AnswerBody {
  return { kind: 'json', value }
}

const WARNING_LIMIT_BYTES = 4096

/**
 * Sentences as one `Warning` header (distribution-spec, "Warnings"): code 299, no agent, 4096 bytes at most in all, so
 * the last ones may be missing.
 */
export function warningHeader(sentences: readonly string[]): Readonly<Record<string, string>> {
  let header = ''
  for (const sentence of sentences) {
    const text = sentence.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, (mark) => `\\${mark}`)
    const longer = `${header}${header && ', '}299 - "${text}"`
    if (longer.length > WARNING_LIMIT_BYTES) break
    header = longer
  }
  return header === '' ? {} : { Warning: header }
}
