import { z } from 'zod'
import { address, anonymous, choice, MAP, PORTABLE_PATH, text } from './values.js'

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

/** `listeners`: besides http.addr. */
export const listeners = z.array(listener, 'a list of listeners')
