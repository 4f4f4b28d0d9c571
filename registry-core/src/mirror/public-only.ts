import { RegistryError } from '../oci/failure.js'
import { referenceText } from '../oci/reference.js'
import type { Source } from '../registry/source.js'
import type { MirroredName } from './mirrored-name.js'
import type { Part, Visibility } from './visibility.js'

const LIST = { kind: 'list' } as const

interface Asker {
  readonly visibility: Pick<Visibility, 'isPublic' | 'noteServed'>
  /** The address of whoever asks. */
  readonly client: string
}

/** A repository for whoever has not said who they are: what is not public does not exist for them (attack row 60). */
export function publicOnly(source: Source, name: MirroredName, { visibility, client }: Asker): Source {
  const { stored: repository, host } = name
  const isPublic = (signal: () => AbortSignal, part: Part): Promise<boolean> =>
    visibility.isPublic(name, signal(), part, client)
  return {
    async manifest(reference, request) {
      if (!(await isPublic(request.signal, reference)))
        throw new RegistryError('manifest-unknown', { reference: referenceText(reference), repository })
      const found = await source.manifest(reference, request)
      if (found !== undefined) visibility.noteServed(repository, found.value)
      return found
    },
    async blob(digest, request) {
      if (await isPublic(request.signal, { kind: 'blob', digest })) return source.blob(digest, request)
      throw new RegistryError('blob-unknown', { digest, repository })
    },
    async tags(page, signal) {
      if (await isPublic(signal, LIST)) return source.tags(page, signal)
      throw new RegistryError('name-unknown', { name: repository })
    },
    async referrers(subject, request, signal) {
      if (await isPublic(signal, LIST)) return source.referrers(subject, request, signal)
      return { value: { manifests: [], next: undefined }, served: { origin: host, cache: 'bypass' } }
    },
  }
}
