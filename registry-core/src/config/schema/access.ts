import { z } from 'zod'
import { anonymous, MAP } from './values.js'

/** `access`: who may do what. */
export const access = z.strictObject(
  { anonymous: anonymous('What anybody may do on http.addr.').prefault('push') },
  MAP,
)
