import { z } from 'zod'
import { boolean, choice, MAP } from './values.js'

const LEVELS = ['error', 'warn', 'info', 'debug'] as const

/** In capital letters too, as registry:2 takes it. */
const level = (description: string) =>
  z
    .preprocess(
      (value) => (typeof value === 'string' ? value.toLowerCase() : value),
      z.enum(LEVELS, `one of ${LEVELS.join(', ')}`),
    )
    .meta({ description })

/** `loglevel`: the old name of log.level. */
export const loglevel = level('The old name of log.level, which goes before it.').optional()

/** `log`: what is said, and how. */
export const log = z.strictObject(
  {
    level: level('How much is said.').optional(),
    formatter: choice(
      ['text', 'json', 'logstash'],
      'Lines as the text formatter of registry:2 writes them, or JSON; logstash is JSON too.',
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
