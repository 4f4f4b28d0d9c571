import { z } from 'zod'

import { route } from '../http/route.js'
import { CLIENT_SYSTEMS } from './client-files.js'

export const clientSystem = z.enum(CLIENT_SYSTEMS, `one of ${CLIENT_SYSTEMS.join(', ')}`)

const lines = z.array(z.string())

const clientFiles = z
  .strictObject({
    system: clientSystem,
    title: z.string(),
    files: z.array(
      z.strictObject({
        path: z.string(),
        mode: z.int(),
        text: z.string(),
        merge: z
          .looseObject({ kind: z.string() })
          .meta({ description: 'What becomes of a file that is there.' }),
        only: z.string().optional().meta({ description: 'Where of several forms only one is wanted.' }),
      }),
    ),
    install: lines.meta({ description: 'Commands, for a shell of root.' }),
    reload: lines,
    prove: lines,
    undo: lines,
    identification: z.array(z.strictObject({ way: z.string(), works: z.boolean(), sentence: z.string() })),
    notes: lines,
  })
  .meta({ id: 'ClientFiles' })

export const CLIENT_ROUTES = {
  show: route({
    ...{
      method: 'GET',
      path: 'clients/:system',
      summary: 'Files and commands for a kind of client',
      needs: 'read',
    },
    ...{ status: 200, answer: clientFiles },
  }),
} as const
