import { z } from 'zod'

import { route } from '../http/route.js'
import { CLIENT_SYSTEMS } from './client-files.js'
import { SCRIPTED_SYSTEMS } from './install-script.js'

/** A kind of client, as in the path of its route. */
export const clientSystem = z.enum(CLIENT_SYSTEMS, `one of ${CLIENT_SYSTEMS.join(', ')}`)
/** One of those that a script sets up. */
export const scriptedSystem = z.enum(
  SCRIPTED_SYSTEMS,
  `one of ${SCRIPTED_SYSTEMS.join(', ')}: the others are set up by people`,
)

const lines = z.array(z.string())

const clientFiles = z
  .strictObject({
    system: clientSystem,
    title: z.string(),
    script: lines.meta({
      description:
        'One line that does it all on a machine of this system, for a shell of root; none where people do it.',
    }),
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

/** What a person needs to set up a kind of client: `ClientFiles`, and the line that does it all where there is one. */
export type ShownClient = z.output<typeof clientFiles>

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
  script: route({
    ...{ method: 'GET', path: 'clients/:system/install.sh', needs: 'nobody' },
    summary: 'One script that sets a client up, proves it by a pull, and undoes it',
    ...{ status: 200, type: 'text/x-shellscript' },
  }),
} as const
