import { z } from 'zod'
import { ADDRESS_FORM, findTcpAddress } from './address.js'
import { DURATION_FORM, findDurationMs } from './duration.js'
import { findSizeBytes, SIZE_FORM } from './size.js'

/*
 * Everything that the configuration file may say, in registry:2's words where it has them. A key's description is its
 * line in docs/reference/settings.md; a message is what is allowed, for the sentence that refuses a value.
 */

const MAP = 'a map of keys and values'
const PORTABLE_PATH = 'the path of a file'

const boolean = (description: string) => z.boolean('true or false').meta({ description })
const text = (description: string, form = 'a text that is not empty') =>
  z.string(form).min(1, form).meta({ description })
const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values, `one of ${values.join(', ')}`).meta({ description })

/** A text that a pure parser turns into a value, or refuses. */
const parsed = <T>(find: (text: string) => T | undefined, form: string, description: string) =>
  z
    .union([z.string(), z.number()], form)
    .transform((value, context): T => {
      const found = find(String(value))
      if (found !== undefined) return found
      context.addIssue({ code: 'custom', message: form })
      return z.NEVER
    })
    .meta({ description })

const duration = (description: string) => parsed(findDurationMs, DURATION_FORM, description)
const size = (description: string) => parsed(findSizeBytes, SIZE_FORM, description)
const address = (description: string) => parsed(findTcpAddress, ADDRESS_FORM, description)

const anonymous = (description: string) => choice(['push', 'pull', 'none'], description)

const log = z.strictObject(
  {
    level: choice(['error', 'warn', 'info', 'debug'], 'How much is said.').prefault('info'),
    formatter: choice(
      ['text', 'json'],
      'Lines as the text formatter of registry:2 writes them, or JSON.',
    ).prefault('text'),
    fields: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()], 'a text or number'), MAP)
      .meta({ description: 'Added to every line.' })
      .prefault({}),
    accesslog: z
      .strictObject({ disabled: boolean('Leave out the line for each request.').prefault(false) }, MAP)
      .prefault({}),
  },
  MAP,
)

const uploadpurging = z.strictObject(
  {
    enabled: boolean('End uploads that clients left unfinished.').prefault(true),
    age: duration('How old an unfinished upload may become.').prefault('168h'),
    interval: duration('How often they are looked for.').prefault('1h'),
  },
  MAP,
)

const storage = z.strictObject(
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

const HEADER_NAME = 'the name of a header: letters, digits and -'
const HEADER_VALUE = 'a list of printable texts'

const http = z.strictObject(
  {
    addr: text('Where to listen: host:port, :port, or the path of a socket when net is unix.').optional(),
    net: choice(['tcp', 'unix'], 'What addr names.').prefault('tcp'),
    secret: text('Taken from files of registry:2; upload URLs need none here.').optional(),
    headers: z
      .record(
        z.string().regex(/^[A-Za-z0-9-]+$/, HEADER_NAME),
        z.array(z.string(HEADER_VALUE).regex(/^[\x20-\x7e]*$/, HEADER_VALUE), HEADER_VALUE),
        MAP,
      )
      .meta({ description: 'Added to every answer, or instead of our own of that name.' })
      .prefault({}),
    draintimeout: duration('How long running requests may go on when the process is told to stop.').prefault(
      '30s',
    ),
    debug: z
      .strictObject(
        {
          addr: address('Where /metrics, /healthz and /readyz are served besides.'),
          prometheus: z
            .strictObject(
              {
                enabled: boolean('Serve metrics there.').prefault(false),
                path: text('Under which path.')
                  .regex(/^\/[A-Za-z0-9/_-]*$/, 'a path of letters, digits, / _ -')
                  .prefault('/metrics'),
              },
              MAP,
            )
            .prefault({}),
        },
        MAP,
      )
      .optional(),
  },
  MAP,
)

const listener = z
  .strictObject(
    {
      addr: address('Where to listen: host:port or :port.').optional(),
      socket: text('The path of a unix socket, for nginx.', PORTABLE_PATH).optional(),
      view: choice(
        ['registry', 'header'],
        'How names are understood: registry, or as nginx says in X-Entrepot-View.',
      ).prefault('registry'),
      anonymous: anonymous('What anybody may do here; access.anonymous where it is missing.').optional(),
    },
    MAP,
  )
  .refine(({ addr, socket }) => (addr === undefined) !== (socket === undefined), {
    message: 'either addr or socket, and only one of them',
  })
  .refine(({ socket, view }) => view !== 'header' || socket !== undefined, {
    message: 'view: header together with socket only, since whoever connects is believed',
  })

/** The whole file. */
export const settingsSchema = z.strictObject(
  {
    version: z
      .union([z.literal('0.1'), z.literal(0.1)], '0.1')
      .meta({ description: 'The version of the file format of registry:2.' }),
    log: log.prefault({}),
    storage,
    http: http.prefault({}),
    listeners: z.array(listener, 'a list of listeners').prefault([]),
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
    access: z
      .strictObject({ anonymous: anonymous('What anybody may do on http.addr.').prefault('push') }, MAP)
      .prefault({}),
    catalog: z
      .strictObject(
        {
          maxentries: z
            .int('a number from 1 to 100000')
            .min(1, 'a number from 1 to 100000')
            .max(100_000, 'a number from 1 to 100000')
            .meta({ description: 'The most that one page of _catalog holds.' })
            .prefault(1000),
        },
        MAP,
      )
      .prefault({}),
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

/** One key of the file, for the page that lists them. */
export interface SettingDescription {
  readonly key: string
  readonly description: string
}

/** Every key that can be set; `listeners[]` for what a list repeats. */
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
  if (key === 'listeners' && typeof items === 'object' && !Array.isArray(items))
    return describe(`${key}[]`, items)
  return [{ key, description: schema.description ?? '' }]
}
