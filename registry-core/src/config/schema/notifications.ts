import { z } from 'zod'
import { ACTIONS } from '../../notifications/settings.js'
import { boolean, choice, duration, integer, MAP, text, texts } from './values.js'

const URL_FORM = 'an address that begins with http:// or https://'
const HEADER_NAME = 'the name of a header that is not the connection’s own (Host, Content-Length, …)'
const HEADER_VALUE = 'a list of printable texts'
const MEDIA_TYPES = 'a list of media types'

/** Those that say where a message ends, or who it is for. */
const OF_THE_CONNECTION =
  /^(?!(?:host|content-length|content-type|transfer-encoding|connection|keep-alive|upgrade|expect|te|trailer)$)[A-Za-z0-9-]+$/i

const mediaTypes = (description: string) => texts(description, MEDIA_TYPES).prefault([])

const ignore = z.strictObject(
  {
    mediatypes: mediaTypes('The same as ignoredmediatypes; both count.'),
    actions: z
      .array(choice(ACTIONS, 'An action.'), `a list of ${ACTIONS.join(', ')}`)
      .meta({ description: 'Leave out events of these actions.' })
      .prefault([]),
  },
  MAP,
)

const endpoint = z
  .strictObject(
    {
      name: text('How logs and metrics call the endpoint; the host of its url when missing.').optional(),
      disabled: boolean('Send it nothing.').prefault(false),
      url: text('Where events are posted.', URL_FORM, /^https?:\/\//)
        .refine((url) => URL.canParse(url), URL_FORM)
        .optional(),
      headers: z
        .record(
          z.string().regex(OF_THE_CONNECTION, HEADER_NAME),
          texts('Values.', HEADER_VALUE, /^[\x20-\x7e]*$/),
          MAP,
        )
        .meta({ description: 'Sent with each event: Authorization and the like.' })
        .prefault({}),
      timeout: duration('How long the endpoint may take for one event.').prefault('1s'),
      threshold: integer(
        'After so many failures in a row each further try waits for backoff; 0 and less are the default.',
      ).prefault(10),
      backoff: duration('How long such a try waits.').prefault('1s'),
      ignoredmediatypes: mediaTypes('Leave out events about content of these types.'),
      ignore: ignore.prefault({}),
    },
    MAP,
  )
  .refine(({ url, disabled }) => url !== undefined || disabled, {
    message: `a url, ${URL_FORM}`,
  })

export const notifications = z.strictObject(
  {
    events: z
      .strictObject(
        {
          includereferences: boolean(
            'Say in events about a manifest what it names: configuration, layers, manifests of an index.',
          ).prefault(false),
        },
        MAP,
      )
      .prefault({}),
    endpoints: z.array(endpoint, 'a list of endpoints').prefault([]),
  },
  MAP,
)
