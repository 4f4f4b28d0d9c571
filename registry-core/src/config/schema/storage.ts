import { z } from 'zod'
import { boolean, duration, MAP, PORTABLE_PATH, text } from './values.js'

const uploadpurging = z.strictObject(
  {
    enabled: boolean('End uploads that clients left unfinished.').prefault(true),
    age: duration('How old an unfinished upload may become.').prefault('168h'),
    interval: duration('How often they are looked for.').prefault('1h'),
    dryrun: boolean('Only say in the log how many there are.').prefault(false),
  },
  MAP,
)

const readonly = z.strictObject(
  { enabled: boolean('Take no pushes and no deletes: they are answered with 405.').prefault(false) },
  MAP,
)

/** `storage`: where the store is, and what may happen to it. */
export const storage = z
  .strictObject(
    {
      filesystem: z
        .strictObject(
          {
            rootdirectory: text('The folder of the store, as registry:2 has it.', PORTABLE_PATH).prefault(
              '/var/lib/registry',
            ),
          },
          MAP,
        )
        .optional(),
      inmemory: z
        .record(z.string(), z.unknown(), MAP)
        .meta({
          description: 'Instead of filesystem: a private folder in memory, gone when the process stops.',
        })
        .optional(),
      delete: z
        .strictObject(
          { enabled: boolean('Let clients delete tags, manifests and blobs.').prefault(false) },
          MAP,
        )
        .prefault({}),
      maintenance: z
        .strictObject({ uploadpurging: uploadpurging.prefault({}), readonly: readonly.prefault({}) }, MAP)
        .prefault({}),
    },
    MAP,
  )
  .refine(({ filesystem, inmemory }) => (filesystem === undefined) !== (inmemory === undefined), {
    message: 'exactly one of filesystem and inmemory',
  })
