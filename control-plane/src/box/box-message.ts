import { z } from 'zod'

import type { Applied } from '../front/generations.js'

const MESSAGE = z.discriminatedUnion('kind', [
  /** Said at each start until the box has answered that it was shown, and written to no log. */
  z.object({
    kind: z.literal('first-start'),
    /** Missing when there is one that they know already, as that of ENTREPOT_ADMIN_TOKEN. */
    adminToken: z.string().optional(),
    /** Missing when there are accounts already. */
    account: z.object({ name: z.string(), password: z.string() }).optional(),
  }),
  /** `config/current` is what settings and database ask for, or why it could not be; said once at each start. */
  z.object({ kind: z.literal('configured'), refusal: z.string().optional() }),
])

/** What the control plane says to the box that started it, over Node's channel: `process.send`. */
export type BoxMessage = z.infer<typeof MESSAGE>

/** What the box answers to `first-start` once people can read it. */
export const SHOWN = { kind: 'shown' } as const

export function isShown(value: unknown): boolean {
  return z.object({ kind: z.literal(SHOWN.kind) }).safeParse(value).success
}

/** What is shown once. */
export type FirstStart = Extract<BoxMessage, { kind: 'first-start' }>

/** `undefined` for what is none. */
export function findBoxMessage(value: unknown): BoxMessage | undefined {
  return MESSAGE.safeParse(value).data
}

/** What a start says, for whoever started us, and never for a log. */
export function messagesOf(
  { account, adminToken }: { readonly [K in 'account' | 'adminToken']: FirstStart[K] | undefined },
  applied: Applied,
): readonly BoxMessage[] {
  const refusal = applied.outcome === 'refused' ? { refusal: `${applied.stage}: ${applied.reason}` } : {}
  const configured = { kind: 'configured', ...refusal } as const
  if (account === undefined && adminToken === undefined) return [configured]
  const made = {
    ...(adminToken !== undefined && { adminToken }),
    ...(account !== undefined && { account }),
  }
  return [{ kind: 'first-start', ...made }, configured]
}
