import { z } from 'zod'
import { boolean, choice, MAP } from './values.js'

/** `log`: what is said, and how. */
export const log = z.strictObject(
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
