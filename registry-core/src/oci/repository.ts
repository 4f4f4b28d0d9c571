import { RegistryError } from './failure.js'

/** A repository's name, as the OCI distribution-spec writes it (`<name>` of "Pulling manifests"). */
export type RepositoryName = string & { readonly __type: 'RepositoryName' }

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const SHAPE = new RegExp(`^${PART}(?:/${PART})*$`)
const MAX_LENGTH = 255

/** @throws RegistryError `name-invalid` */
export function parseRepositoryName(text: string): RepositoryName {
  const name = findRepositoryName(text)
  if (name === undefined) throw new RegistryError('name-invalid', { name: text })
  return name
}

/** The name that the text is, or undefined. */
export function findRepositoryName(text: string): RepositoryName | undefined {
  return text.length <= MAX_LENGTH && SHAPE.test(text) ? (text as RepositoryName) : undefined
}
