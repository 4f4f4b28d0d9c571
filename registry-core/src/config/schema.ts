import { z } from 'zod'
import { access } from './schema/access.js'
import { auth } from './schema/auth.js'
import { health } from './schema/health.js'
import { http } from './schema/http.js'
import { listeners } from './schema/listeners.js'
import { log, loglevel } from './schema/log.js'
import { mirrors } from './schema/mirrors.js'
import { notifications } from './schema/notifications.js'
import { overlay } from './schema/overlay.js'
import { proxy } from './schema/proxy.js'
import { storage } from './schema/storage.js'
import { validation } from './schema/validation.js'
import { integer, MAP, PORTABLE_PATH, size, text } from './schema/values.js'

/* Everything that the configuration file may say, in registry:2's words where it has them: a file of schema/ for each area. */

/** The whole file. */
export const settingsSchema = z.strictObject(
  {
    version: z
      .union([z.literal('0.1'), z.literal(0.1)], '0.1')
      .meta({ description: 'The version of the file format of registry:2.' }),
    log: log.prefault({}),
    loglevel,
    storage,
    http: http.prefault({}),
    health: health.prefault({}),
    listeners: listeners.prefault([]),
    internal: z
      .strictObject(
        {
          socket: text(
            'The path of the unix socket for the control plane: health and metrics.',
            PORTABLE_PATH,
          ),
        },
        MAP,
      )
      .optional(),
    auth: auth.prefault({}),
    access: access.prefault({}),
    proxy: proxy.prefault({}),
    mirrors: mirrors.optional(),
    overlay: overlay.prefault({}),
    notifications: notifications.prefault({}),
    catalog: z
      .strictObject(
        {
          maxentries: integer('The most that one page of _catalog holds.').prefault(1000),
        },
        MAP,
      )
      .prefault({}),
    validation: validation.optional(),
    store: z
      .strictObject(
        {
          id: text('The id that the store must have; another one takes no pushes.').optional(),
          reserve: size(
            'Bytes of the disk that no push may use; 1 % of it, 256m at most, when missing.',
          ).optional(),
        },
        MAP,
      )
      .prefault({}),
  },
  MAP,
)

export type ParsedFile = z.output<typeof settingsSchema>
/** The same as whoever writes a file has it. */
export type WrittenFile = z.input<typeof settingsSchema>

/** One key of the file, for the page that lists them. */
export interface SettingDescription {
  readonly key: string
  readonly description: string
}

/** Every key that can be set; `listeners[]` for what a list of maps repeats. */
export function describeSettings(): readonly SettingDescription[] {
  return describe('', z.toJSONSchema(settingsSchema, { io: 'input', unrepresentable: 'any' }))
}

type JsonSchema = z.core.JSONSchema.BaseSchema

function describe(key: string, schema: JsonSchema): readonly SettingDescription[] {
  if (schema.properties)
    return Object.entries(schema.properties).flatMap(([name, child]) =>
      typeof child === 'object' ? describe(key === '' ? name : `${key}.${name}`, child) : [],
    )
  const { items } = schema
  if (typeof items === 'object' && !Array.isArray(items) && items.properties)
    return describe(`${key}[]`, items)
  return [{ key, description: schema.description ?? '' }]
}
