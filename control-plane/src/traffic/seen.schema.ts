import { z } from 'zod'

import { route } from '../http/route.js'
import { seenClientSchema } from './seen-clients.js'

export const SEEN_ROUTES = {
  list: route({
    ...{
      method: 'GET',
      path: 'clients/seen',
      summary: 'Lists who has pulled, the last one first: from where, with what, by which listener',
      needs: 'read',
    },
    status: 200,
    answer: z.strictObject({ items: z.array(seenClientSchema) }).meta({ id: 'SeenClients' }),
  }),
} as const
