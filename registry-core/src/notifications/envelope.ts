import { createHash } from 'node:crypto'
import type { NamedContent } from '../oci/named-content.js'
import type { JournalActor, JournalEntry, JournalEvent } from '../store/journal-entry.js'
import type { Action } from './settings.js'

/** Distribution's, also in what we send. */
export const ENVELOPE_MEDIA_TYPE = 'application/vnd.docker.distribution.events.v1+json'

/** An event as Distribution 2.8 sends it; what is absent there is absent here. */
export interface NotificationEvent {
  /** The same each time the event is sent. */
  readonly id: string
  readonly timestamp: string
  readonly action: Action
  readonly target: Target
  readonly request: {
    readonly id: string
    readonly addr?: string
    readonly host?: string
    readonly method: string
    readonly useragent: string
  }
  readonly actor: { readonly name?: string }
  readonly source: { readonly addr: string; readonly instanceID: string }
}

interface Target {
  readonly mediaType?: string
  readonly size?: number
  readonly digest?: string
  /** The same as `size`. */
  readonly length?: number
  readonly repository: string
  readonly fromRepository?: string
  readonly url?: string
  readonly tag?: string
  readonly references?: readonly NamedContent[]
}

/** What an entry of the journal does not say itself. */
export interface Sender {
  /** The part of the journal that it stands in: the process that it happened to. */
  readonly part: string
  /** This box, and the port of http.addr. */
  readonly address: string
  readonly includeReferences: boolean
  /** `http.host`: where clients find this registry; undefined: where they asked. */
  readonly externalUrl: string | undefined
}

/** Undefined for what is nobody's business outside. Pure: the same entry is always the same event. */
export function eventOf(entry: JournalEntry, sender: Sender): NotificationEvent | undefined {
  const { event, actor, time, number } = entry
  if (event.kind === 'entries-lost') return undefined
  return {
    id: uuidOf(`${sender.part}#${number}`),
    timestamp: time,
    action: ACTION_OF[event.kind],
    target: targetOf(event, sender.externalUrl ?? actor.origin, sender),
    request: requestOf(actor),
    actor: actor.account === '' ? {} : { name: actor.account },
    source: { addr: sender.address, instanceID: uuidOf(sender.part) },
  }
}

type SentEvent = Exclude<JournalEvent, { kind: 'entries-lost' }>

const ACTION_OF: { readonly [K in SentEvent['kind']]: Action } = {
  'manifest-pushed': 'push',
  'manifest-pulled': 'pull',
  'manifest-deleted': 'delete',
  'tag-deleted': 'delete',
  'blob-pushed': 'push',
  'blob-pulled': 'pull',
  'blob-mounted': 'mount',
  'blob-deleted': 'delete',
}

function targetOf(event: SentEvent, origin: string, { includeReferences }: Sender): Target {
  const { kind, repository } = event
  const at = (collection: string, digest: string) =>
    origin === '' ? {} : { url: `${origin}/v2/${repository}/${collection}/${digest}` }
  switch (kind) {
    case 'tag-deleted':
      return { repository, tag: event.tag }
    case 'manifest-deleted':
    case 'blob-deleted':
      return { digest: event.digest, repository }
    case 'manifest-pushed':
    case 'manifest-pulled': {
      const { digest, mediaType = '', tag, references = [] } = event
      return {
        ...descriptorOf(mediaType, event),
        repository,
        ...at('manifests', digest),
        ...(tag !== undefined && { tag }),
        ...(includeReferences && references.length > 0 && { references }),
      }
    }
    case 'blob-pushed':
    case 'blob-pulled':
    case 'blob-mounted':
      return {
        ...descriptorOf('application/octet-stream', event),
        repository,
        ...(event.from !== undefined && { fromRepository: event.from }),
        ...at('blobs', event.digest),
      }
  }
}

/** Go leaves a size of 0 out. */
function descriptorOf(
  mediaType: string,
  { digest, sizeBytes = 0 }: { readonly digest: string; readonly sizeBytes?: number },
): Pick<Target, 'mediaType' | 'size' | 'digest' | 'length'> {
  const size = sizeBytes === 0 ? {} : { size: sizeBytes }
  const length = sizeBytes === 0 ? {} : { length: sizeBytes }
  return { mediaType, ...size, digest, ...length }
}

function requestOf(actor: JournalActor): NotificationEvent['request'] {
  const host = actor.origin.replace(/^https?:\/\//, '')
  return {
    id: actor.requestId,
    ...(actor.remoteAddress !== '' && { addr: actor.remoteAddress }),
    ...(host !== '' && { host }),
    method: actor.method,
    useragent: actor.userAgent,
  }
}

/** RFC 9562 version 8: as random as its text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)
  return [
    ...[hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`],
    ...[`${variant}${hex.slice(18, 20)}`, hex.slice(20, 32)],
  ].join('-')
}
