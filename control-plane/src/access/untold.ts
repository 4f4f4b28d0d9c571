import type { EntityManager } from 'typeorm'
import { z } from 'zod'

import { SettingEntity } from '../front/setting.entity.js'
import type { Sealing } from '../system/sealed.js'

const made = z.object({
  token: z.object({ name: z.string(), token: z.string() }).optional(),
  account: z.object({ name: z.string(), password: z.string() }).optional(),
})

/** What a start has made, because nobody could have come in. */
export interface Made {
  readonly token: { readonly name: string; readonly token: string } | undefined
  readonly account: { readonly name: string; readonly password: string } | undefined
}

/** The row that has it, sealed; no backup has it. */
export const UNTOLD_SETTING = 'untold'
const OWNER = 'first start'
const row = z.object({ sealed: z.string() })

/** What starts have made and nobody was shown: the process may have been killed in between. */
export async function readUntold(manager: EntityManager, sealing: Sealing): Promise<Made> {
  const kept = await manager.findOneBy(SettingEntity, { name: UNTOLD_SETTING })
  const { token, account } = opened(row.safeParse(kept?.value).data?.sealed, sealing)
  return { token, account }
}

/** In the transaction that makes it, so that what is kept can be told. */
export async function keepUntold(manager: EntityManager, sealing: Sealing, untold: Made): Promise<void> {
  await forgetFirst(manager)
  if (untold.token === undefined && untold.account === undefined) return
  const sealed = sealing.seal(JSON.stringify(untold), OWNER)
  await manager.save(SettingEntity, { name: UNTOLD_SETTING, value: { sealed }, version: 0 })
}

/** It was shown. */
export async function forgetFirst(manager: EntityManager): Promise<void> {
  await manager.delete(SettingEntity, { name: UNTOLD_SETTING })
}

/** Nothing when there is none, or another key has sealed it: ENTREPOT_ADMIN_TOKEN is the way then. */
function opened(sealed: string | undefined, sealing: Sealing): z.output<typeof made> {
  if (sealed === undefined) return {}
  try {
    return made.parse(JSON.parse(sealing.open(sealed, OWNER)))
  } catch {
    return {}
  }
}
