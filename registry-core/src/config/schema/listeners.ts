import { z } from 'zod'
import { findUpstreamHost, HOST_FORM } from '../upstream-address.js'
import { address, anonymous, choice, MAP, parsed, PORTABLE_PATH, text } from './values.js'

const listener = z
  .strictObject(
    {
      addr: address('Where to listen: host:port or :port.').optional(),
      socket: text('The path of a unix socket, for nginx.', PORTABLE_PATH).optional(),
      view: choice(
        ['registry', 'mirror', 'upstream', 'header'],
        'How names are understood: as in a registry, as docker asks a mirror, as names of one upstream, or as nginx says in X-Entrepot-View.',
      ).prefault('registry'),
      upstream: parsed(
        findUpstreamHost,
        HOST_FORM,
        'The upstream that view: upstream stands for, one of mirrors.upstreams.',
      ).optional(),
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
  .refine(({ view, upstream }) => (view === 'upstream') === (upstream !== undefined), {
    message: 'view: upstream together with upstream: the host of one of mirrors.upstreams',
  })

/** `listeners`: besides http.addr. */
export const listeners = z.array(listener, 'a list of listeners')
