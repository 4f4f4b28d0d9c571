import { z } from 'zod'
import { ADDRESS_FORM, findTcpAddress } from '../address.js'
import { tls } from './tls.js'
import { address, boolean, choice, duration, MAP, text, texts } from './values.js'

const URL_FORM = 'an address like https://registry.example.com:5000'
const PREFIX = 'a path of letters, digits and . _ - between slashes'
const HEADER_NAME = 'the name of a header: letters, digits and -'
const HEADER_VALUE = 'a list of printable texts'

/** `http`: the first listener, and what every answer carries. */
export const http = z
  .strictObject(
    {
      addr: text('Where to listen: host:port, :port, or the path of a socket when net is unix.').optional(),
      net: choice(['tcp', 'unix'], 'What addr names.').prefault('tcp'),
      host: z
        .url({ protocol: /^https?$/, error: URL_FORM })
        .meta({
          description:
            'Where clients reach this registry: for the realm of its tokens, and links in notifications.',
        })
        .optional(),
      prefix: z
        .string(PREFIX)
        .regex(/^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._-]+)*\/?$/, PREFIX)
        .meta({ description: 'The path that the API stands below: /hub/ for /hub/v2/.' })
        .prefault(''),
      tls: tls.prefault({}),
      secret: text('Taken from files of registry:2; upload URLs need none here.').optional(),
      headers: z
        .record(
          z.string().regex(/^[A-Za-z0-9-]+$/, HEADER_NAME),
          texts('', HEADER_VALUE, /^[\x20-\x7e]*$/),
          MAP,
        )
        .meta({ description: 'Added to every answer, or instead of our own of that name.' })
        .prefault({}),
      draintimeout: duration(
        'How long running requests may go on when the process is told to stop.',
      ).prefault('30s'),
      debug: z
        .strictObject(
          {
            addr: address(
              'Where /debug/health, /metrics, /healthz and /readyz are served besides.',
            ).optional(),
            prometheus: z
              .strictObject(
                {
                  enabled: boolean('Serve metrics there.').prefault(false),
                  path: text(
                    'Under which path.',
                    'a path of letters, digits, / _ -',
                    /^\/[A-Za-z0-9/_-]*$/,
                  ).prefault('/metrics'),
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
  .refine(({ net, addr }) => net === 'unix' || addr === undefined || findTcpAddress(addr) !== undefined, {
    path: ['addr'],
    message: ADDRESS_FORM,
  })
