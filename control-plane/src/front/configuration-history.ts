import type { EntityManager } from 'typeorm'

import { cutPage, type Page, type PageQuery } from '../http/paging.js'
import { fieldProblems } from '../http/field-problems.js'
import { ProductError } from '../http/product-error.js'
import type { Sealing } from '../system/sealed.js'
import { openSecrets } from '../upstreams/upstream-secrets.js'
import { ConfigurationEntity } from './configuration.entity.js'
import type { ConfigurationDiff, ConfigurationRow } from './configuration.schema.js'
import type { Rendered } from './generations.js'
import { hideHashes } from './hide-hashes.js'
import type { Intent } from './intent.js'
import { nginxSettings } from './nginx-settings.schema.js'
import { unifiedDiff } from './unified-diff.js'

/** Each row has every rendered file: with 50 upstreams and 200 accounts a thousand rows are some 60 MB. */
const KEPT_ROWS = 1000

/** Removes the oldest rows, but for the one that is in force. Who changed what stays in the audit. */
export async function removeOldConfigurations(manager: EntityManager): Promise<void> {
  await manager.query(
    `DELETE FROM configuration
      WHERE id <= (SELECT id FROM configuration ORDER BY id DESC OFFSET $1 LIMIT 1)
        AND id <> (SELECT max(id) FROM configuration WHERE outcome = 'applied')`,
    [KEPT_ROWS],
  )
}

/** The newest first. */
export async function listConfigurations(
  manager: EntityManager,
  { limit, after }: PageQuery,
): Promise<Page<ConfigurationRow>> {
  const query = manager
    .createQueryBuilder(ConfigurationEntity, 'row')
    .select(['row.id', 'row.at', 'row.author', 'row.reason', 'row.outcome', 'row.cause'])
    .orderBy('row.id', 'DESC')
    .take(limit + 1)
  if (after !== undefined) query.where('row.id < :after', { after: Number(after) })
  const page = cutPage(await query.getMany(), limit, ({ id }) => String(id))
  return { ...page, items: page.items.map(shown) }
}

/** Against the last one before it that was in force. @throws ProductError `not-found` */
export async function diffConfiguration(manager: EntityManager, id: number): Promise<ConfigurationDiff> {
  const row = await readConfiguration(manager, id)
  const earlier = await latestApplied(manager, id)
  return { ...shown(row), diff: unifiedDiff(hideHashes(earlier?.files ?? {}), hideHashes(row.files)) }
}

/**
 * What was meant then, if it can still be rendered: a restored backup may have been written by hand, or by another version,
 * and hold passwords that its own box could not open either.
 * @throws ProductError `not-found`, `refused`, `other-key`
 */
export async function readEarlierIntent(
  manager: EntityManager,
  id: number,
  sealing: Sealing,
): Promise<Intent> {
  const { intent } = await readConfiguration(manager, id)
  const problems = fieldProblems(nginxSettings.safeParse(intent.nginx).error?.issues ?? [])
  if (problems.length === 0) {
    for (const { host, sealedPassword } of intent.upstreams) openSecrets(sealing, host, sealedPassword)
    return intent
  }
  const what = problems.map(({ field, message }) => `${field}: ${message}`).join('; ')
  throw new ProductError('refused', { stage: 'this version', reason: `the nginx settings of then: ${what}` })
}

/** @throws ProductError `not-found` */
async function readConfiguration(manager: EntityManager, id: number): Promise<ConfigurationEntity> {
  const row = await manager.findOneBy(ConfigurationEntity, { id })
  if (row === null) throw new ProductError('not-found', { what: 'configuration', name: String(id) })
  return row
}

/** Whether it is something else than what was put in force last. */
export async function isNews(manager: EntityManager, rendered: Rendered): Promise<boolean> {
  const last = await latestApplied(manager)
  return last === undefined || unifiedDiff(last.files, textsOf(rendered)) !== ''
}

/** As they would be if each generation had the same folder, so that two of them can be compared; without secrets. */
export function textsOf({ id, files }: Rendered): Record<string, string> {
  return Object.fromEntries(
    files.map(({ path, text }) => [
      path,
      text.replaceAll(`/generations/${id}`, '/current').replaceAll(id, 'current'),
    ]),
  )
}

async function latestApplied(
  manager: EntityManager,
  before?: number,
): Promise<ConfigurationEntity | undefined> {
  const query = manager
    .createQueryBuilder(ConfigurationEntity, 'row')
    .where("row.outcome = 'applied'")
    .orderBy('row.id', 'DESC')
    .limit(1)
  if (before !== undefined) query.andWhere('row.id < :before', { before })
  return (await query.getOne()) ?? undefined
}

function shown({ id, at, author, reason, outcome, cause }: ConfigurationEntity): ConfigurationRow {
  return { id, at: at.toISOString(), author, reason, outcome, ...(cause !== '' && { cause }) }
}
