import { z } from 'zod'
import { address, boolean, choice, duration, MAP, text } from './values.js'

const HEADER_NAME = 'the name of a header: letters, digits and -'
const HEADER_VALUE = 'a list of printable texts'

/** `http`: the first listener, and what every answer carries. */
export const http = z.strictObject(
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
