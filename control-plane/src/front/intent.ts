import { isDeepStrictEqual } from 'node:util'

import type { EntityManager } from 'typeorm'

import { AccountEntity } from '../access/account.entity.js'
import { UpstreamEntity } from '../upstreams/upstream.entity.js'
import { resetAcmeState } from './acme-state.js'
import { SettingEntity } from './setting.entity.js'

/** An ACME server that the certificate comes from. */
export interface AcmeIntent {
  readonly directory: string
  /** PEM of whom its own certificate is. */
  readonly ca: string | null
  readonly contact: string | null
  readonly names: readonly string[]
}

/** What the admin wants, as it is kept: everything that the rendered files follow from. */
export interface Intent {
  readonly nginx: Readonly<Record<string, unknown>>
  /** The certificate that is served; null for one of the own authority. */
  readonly certificate: {
    readonly fingerprint: string
    /** PEM of what clients install for it; null when they have it. */
    readonly root: string | null
    /** The directory of the ACME server that has issued it; missing for what was uploaded. */
    readonly acme?: string
  } | null
  /** Missing in what was kept before there was any. */
  readonly acme?: AcmeIntent | null
  readonly upstreams: readonly {
    readonly host: string
    readonly settings: Readonly<Record<string, unknown>>
    readonly sealedPassword: string | null
  }[]
  readonly accounts: readonly {
    readonly name: string
    readonly secretHash: string
    readonly settings: Readonly<Record<string, unknown>>
  }[]
}

/** The row among the settings that holds `Intent.certificate`; none while the own authority signs. */
export const CERTIFICATE_SETTING = 'certificate'
/** The row that holds `Intent.acme`. */
export const ACME_SETTING = 'acme'

/** All but who may log in. */
export type FrontIntent = Omit<Intent, 'accounts'>

/** Reads it as this transaction sees it. */
export async function readIntent(manager: EntityManager): Promise<Intent> {
  const front = await readFrontIntent(manager)
  const accounts = await manager.find(AccountEntity, { order: { name: 'ASC' } })
  return {
    ...front,
    accounts: accounts.map(({ name, secretHash, settings }) => ({ name, secretHash, settings })),
  }
}

/** The same without the accounts, which may be many. */
export async function readFrontIntent(manager: EntityManager): Promise<FrontIntent> {
  const nginx = await manager.findOneBy(SettingEntity, { name: 'nginx' })
  const upstreams = await manager.find(UpstreamEntity, { order: { position: 'ASC', host: 'ASC' } })
  const certificate = await manager.findOneBy(SettingEntity, { name: CERTIFICATE_SETTING })
  const acme = await manager.findOneBy(SettingEntity, { name: ACME_SETTING })
  return {
    nginx: nginx?.value ?? {},
    certificate: (certificate?.value as Intent['certificate'] | undefined) ?? null,
    acme: (acme?.value as AcmeIntent | undefined) ?? null,
    upstreams: upstreams.map(({ host, settings, sealedPassword }) => ({ host, settings, sealedPassword })),
  }
}

/** Puts an earlier one in the place of what is there; of another ACME server's tries nothing is kept. */
export async function writeIntent(
  manager: EntityManager,
  intent: Intent,
  now: Date,
): Promise<{ readonly isOtherAcme: boolean }> {
  const { acme } = await readFrontIntent(manager)
  const isOtherAcme = !isDeepStrictEqual(acme ?? null, intent.acme ?? null)
  if (isOtherAcme) await resetAcmeState(manager, null)
  const version = await nextVersion(manager)
  const made = new Map((await manager.find(AccountEntity)).map(({ name, createdAt }) => [name, createdAt]))
  await manager.createQueryBuilder().delete().from(UpstreamEntity).execute()
  await manager.createQueryBuilder().delete().from(AccountEntity).execute()
  await manager.save(SettingEntity, { name: 'nginx', value: { ...intent.nginx }, version })
  await manager.delete(SettingEntity, { name: CERTIFICATE_SETTING })
  if (intent.certificate !== null)
    await manager.save(SettingEntity, {
      name: CERTIFICATE_SETTING,
      value: { ...intent.certificate },
      version,
    })
  await manager.delete(SettingEntity, { name: ACME_SETTING })
  if (intent.acme !== undefined && intent.acme !== null)
    await manager.save(SettingEntity, { name: ACME_SETTING, value: { ...intent.acme }, version })
  await manager.save(
    UpstreamEntity,
    intent.upstreams.map((upstream, position) => ({ ...upstream, position, version })),
  )
  await manager.save(
    AccountEntity,
    intent.accounts.map((account) => ({ ...account, version, createdAt: made.get(account.name) ?? now })),
  )
  return { isOtherAcme }
}

/** No box comes there by itself: what is higher came from a restore that added versions up, or from a foreign hand. */
const HIGHEST = 1_000_000_000

/** Larger than every version that a client may have read, and far from the end of its column. */
export async function nextVersion(manager: EntityManager): Promise<number> {
  const [row] = await manager.query<{ highest: number | null }[]>(
    'SELECT max(version) AS highest FROM (SELECT version FROM setting UNION SELECT version FROM upstream UNION SELECT version FROM account) AS every_row WHERE version < $1',
    [HIGHEST],
  )
  return (row?.highest ?? 0) + 1
}
