import { z } from 'zod'
import { boolean, duration, MAP, PORTABLE_PATH, text } from './values.js'

const uploadpurging = z.strictObject(
  {
    enabled: boolean('End uploads that clients left unfinished.').prefault(true),
    age: duration('How old an unfinished upload may become.').prefault('168h'),
    interval: duration('How often they are looked for.').prefault('1h'),
  },
  MAP,
)

/** `storage`: where the store is, and what may happen to it. */
export const storage = z.strictObject(
  {
    filesystem: z.strictObject(
      {
        rootdirectory: text('The folder of the store, as registry:2 has it.', PORTABLE_PATH).prefault(
          '/var/lib/registry',
        ),
      },
      MAP,
    ),
    delete: z
      .strictObject(
        { enabled: boolean('Let clients delete tags, manifests and blobs.').prefault(false) },
        MAP,
      )
      .prefault({}),
    maintenance: z.strictObject({ uploadpurging: uploadpurging.prefault({}) }, MAP).prefault({}),
  },
  MAP,
)
