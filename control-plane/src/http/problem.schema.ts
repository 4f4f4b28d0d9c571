import { z } from 'zod'

/** An error as the API tells it, `application/problem+json` (RFC 9457). */
export const problem = z
  .strictObject({
    type: z.string().meta({ description: 'urn:entrepot:problem: and the name of what went wrong.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What was wrong, where, and what is allowed.' }),
    instance: z
      .string()
      .meta({ description: 'urn:entrepot:request: and the id of the request, as in the logs.' }),
    errors: z
      .array(z.strictObject({ field: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'One for each field that is not allowed.' }),
  })
  .meta({ id: 'Problem' })

export type Problem = z.output<typeof problem>
