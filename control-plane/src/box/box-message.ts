import { z } from 'zod'

const MESSAGE = z.discriminatedUnion('kind', [
  /** Said once, by the first start, and written to no log. */
  z.object({
    kind: z.literal('first-start'),
    /** Missing when ENTREPOT_ADMIN_TOKEN names it: they know it already. */
    adminToken: z.string().optional(),
    /** Missing when there are accounts already. */
    account: z.object({ name: z.string(), password: z.string() }).optional(),
  }),
  /** `config/current` is what settings and database ask for, or why it could not be; said once at each start. */
  z.object({ kind: z.literal('configured'), refusal: z.string().optional() }),
])

/** What the control plane says to the box that started it, over Node's channel: `process.send`. */
export type BoxMessage = z.infer<typeof MESSAGE>

/** What only the first start knows. */
export type FirstStart = Extract<BoxMessage, { kind: 'first-start' }>

/** `undefined` for what is none. */
export function findBoxMessage(value: unknown): BoxMessage | undefined {
  return MESSAGE.safeParse(value).data
}
