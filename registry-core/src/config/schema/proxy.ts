import { z } from 'zod'
import { readUpstreamUrl, URL_FORM } from '../upstream-address.js'
import { MAP } from './values.js'

/** Empty is missing, as in registry:2: an unset variable in a compose file is that. */
const orEmpty = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())
const scalar = (description: string) =>
  orEmpty(z.union([z.string(), z.number(), z.boolean()], 'a text').transform(String)).meta({ description })

/** `proxy`: one upstream, as registry:2 mirrors it. */
export const proxy = z.strictObject(
  {
    remoteurl: orEmpty(
      z.string(URL_FORM).transform((given, context): URL => {
        const found = readUpstreamUrl(given)
        if (typeof found !== 'string') return found
        context.addIssue({ code: 'custom', message: found })
        return z.NEVER
      }),
    ).meta({
      description: 'The registry whose content is served and kept under the names that it has there.',
    }),
    username: scalar('Who asks there; nobody when missing.'),
    password: scalar('Its password, or a token.'),
  },
  MAP,
)
