import { z } from 'zod'
import { ACTIONS } from '../../access/may.js'
import { BCRYPT_SHAPE } from '../../access/bcrypt-hash.js'
import { repositoryGlob, tagGlob } from './globs.js'
import { anonymous, boolean, MAP, parsed } from './values.js'

const NAME = 'a name of 1 to 128 printable characters without a colon'
const HASH = 'a bcrypt hash of cost 4 to 15, as "registry-core hash" writes it'
const DATE = 'a date like 2027-01-31, or a time like 2027-01-31T18:00:00Z'
const RIGHTS = 'a list like [{repositories: [team/**], actions: [pull, push]}]'

const right = z.strictObject(
  {
    repositories: z
      .array(repositoryGlob, 'a list of patterns')
      .min(1, 'one pattern at least')
      .meta({ description: 'Patterns of names: `*` is one part or some of it, `**` any rest.' }),
    actions: z
      .array(z.enum(ACTIONS, 'pull, push or delete'), 'a list of pull, push, delete')
      .min(1, 'one action at least')
      .meta({ description: 'What may be done to them: pull, push, delete.' }),
  },
  MAP,
)

/** One of `access.accounts`. */
export const account = z.strictObject(
  {
    name: z
      .string(NAME)
      .regex(/^[\x21-\x39\x3b-\x7e][\x20-\x39\x3b-\x7e]{0,127}$/, NAME)
      .meta({ description: 'What its user logs in as.' }),
    secretHash: z
      .string(HASH)
      .regex(BCRYPT_SHAPE, HASH)
      .meta({ description: 'The bcrypt hash of its password: registry-core hash makes one.' }),
    rights: z.array(right, RIGHTS).meta({ description: 'What it may do where.' }).prefault([]),
    until: parsed(
      findEnd,
      DATE,
      'Its last day (UTC), or the moment when it ends; from then on it is as if the password were wrong.',
    ).optional(),
    countsAsPull: boolean('Whether its pulls keep images alive; false for scanners and the like.').prefault(
      true,
    ),
  },
  MAP,
)

/** A day lasts until its end. */
function findEnd(text: string): Date | undefined {
  const isDay = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)
  if (!isDay && !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,12}(?:Z|[+-][0-9]{2}:[0-9]{2})$/.test(text))
    return undefined
  const end = new Date(isDay ? `${text}T24:00:00Z` : text)
  if (Number.isNaN(end.getTime())) return undefined
  return isDay && !new Date(text).toISOString().startsWith(text) ? undefined : end // 30 February
}

/** `access`: who may do what. */
export const access = z.strictObject(
  {
    anonymous: anonymous(
      'What anybody may do on http.addr; when missing: none where somebody can log in, else push.',
    ).optional(),
    accounts: z
      .array(account, 'a list of accounts')
      .superRefine((accounts, context) => {
        for (const [index, { name }] of accounts.entries())
          if (accounts.findIndex((other) => other.name === name) < index)
            context.addIssue({
              code: 'custom',
              path: [index, 'name'],
              message: 'a name that no other account has',
            })
      })
      .prefault([]),
    immutable: z
      .array(
        z.strictObject(
          {
            repository: repositoryGlob.meta({ description: 'A pattern of repository names.' }),
            tag: tagGlob.meta({
              description: 'A pattern of tags that are pushed once: another digest is refused.',
            }),
          },
          MAP,
        ),
        'a list like [{repository: release/**, tag: v*}]',
      )
      .prefault([]),
  },
  MAP,
)
