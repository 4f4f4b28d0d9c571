import fc from 'fast-check'

import type { InFile } from './promise.js'

export const HOSTS = ['docker.io', 'quay.io'] as const
export type Host = (typeof HOSTS)[number]

/** How a client names a repository: with its host at either address, by `ns`, or bare at the mirror's. */
export type Way = 'registry' | 'mirror' | 'registry ns' | 'mirror ns' | 'mirror bare'

/** Nobody in particular, two accounts, and the owner of everything. */
export const CALLERS = ['nobody', 'one', 'two', 'owner'] as const
export type CallerName = (typeof CALLERS)[number]

/** What the upstream has are the first three: two images with a layer in common, and what refers to the first one. */
export const REVISIONS = [0, 1, 2, 3, 4] as const
/** The blobs that each names; the last one is of a client who knows a layer of the upstream's. */
export const NAMED: readonly (readonly string[])[] = [
  ['config0', 'layer0'],
  ['config1', 'layer0'],
  ['config2', 'layer2'],
  ['config3', 'layer3'],
  ['config4', 'layer0'],
]
export const BLOBS = [...new Set(NAMED.flat())]
export const LAYERS = BLOBS.filter((blob) => blob.startsWith('layer'))

/** Rights to pull there; HOST is the upstream's. Whoever `pushes` may push and delete there too. */
export const PATTERNS = ['**', 'HOST/**', 'HOST/private/**', 'private/**', 'open/**'] as const

export interface Account {
  readonly patterns: readonly (typeof PATTERNS)[number][]
  readonly pushes: boolean
}

export type Step =
  /** Another file is read, and everybody looks at a repository. */
  | {
      readonly kind: 'configure'
      readonly inFile: InFile | undefined
      readonly repository: Kind
      readonly way: Way
    }
  | {
      readonly kind: 'pull'
      readonly by: CallerName
      readonly repository: Kind
      readonly revision: number
      readonly part: 'tag' | 'digest' | 'blobs'
    }
  | {
      readonly kind: 'push'
      readonly by: CallerName
      readonly repository: Kind
      readonly revision: number
      /** With its blobs; else of what may lie there already. */
      readonly isWhole: boolean
    }
  | {
      readonly kind: 'delete'
      readonly by: CallerName
      readonly repository: Kind
      readonly revision: number
      readonly part: 'tag' | 'digest'
    }

/** A repository that strangers may pull from the upstream, and one that they may not. */
export type Kind = 'private' | 'open'
export const KINDS: readonly Kind[] = ['private', 'open']

export interface Story {
  readonly host: Host
  readonly anonymous: 'none' | 'pull' | 'push'
  readonly accounts: readonly [Account, Account]
  readonly steps: readonly Step[]
  /** How everybody looks in the end, when the upstream is in the file no more. */
  readonly last: 'registry' | 'mirror'
}

const account: fc.Arbitrary<Account> = fc.record({
  patterns: fc.subarray([...PATTERNS], { maxLength: 2 }),
  pushes: fc.boolean(),
})

const inFile: fc.Arbitrary<InFile | undefined> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.constant({ hasAccount: false, expose: 'accounts' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      hasAccount: fc.boolean(),
      expose: fc.constantFrom('accounts' as const, 'all' as const, 'public' as const),
    }),
  },
)

/** Of most interest is who may do most. */
const mostlyOwner = fc.constantFrom<CallerName>('owner', 'owner', ...CALLERS)
const repository = fc.constantFrom<Kind>('private', 'private', 'private', 'open')
const ways = ['registry', 'mirror', 'registry ns', 'mirror ns', 'mirror bare'] as const

const configuring = fc.record({
  ...{ kind: fc.constant('configure' as const), inFile, repository },
  way: fc.constantFrom(...ways),
})
const pulling = fc.record({
  ...{ kind: fc.constant('pull' as const), by: mostlyOwner, repository },
  revision: fc.constantFrom(0, 1, 2),
  part: fc.constantFrom('tag' as const, 'digest' as const, 'blobs' as const, 'blobs' as const),
})
const pushing = fc.record({
  ...{ kind: fc.constant('push' as const), by: mostlyOwner, repository },
  revision: fc.constantFrom(...REVISIONS),
  isWhole: fc.boolean(),
})
const deleting = fc.record({
  ...{ kind: fc.constant('delete' as const), by: mostlyOwner, repository },
  revision: fc.constantFrom(...REVISIONS),
  part: fc.constantFrom('tag' as const, 'digest' as const),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: configuring },
  { weight: 4, arbitrary: pulling },
  { weight: 3, arbitrary: pushing },
  { weight: 2, arbitrary: deleting },
)

export const stories: fc.Arbitrary<Story> = fc.record({
  host: fc.constantFrom(...HOSTS),
  anonymous: fc.constantFrom('none', 'pull', 'push'),
  accounts: fc.tuple(account, account),
  steps: fc.array(step, { minLength: 2, maxLength: 9 }),
  last: fc.constantFrom('registry', 'mirror'),
})
