import { Injectable } from '@nestjs/common'
import type { EntityManager } from 'typeorm'

import { Database } from '../database/database.js'
import type { Caller } from '../http/caller.js'
import { cutPage, type Page } from '../http/paging.js'
import { ClockProvider } from '../system/providers.js'
import { AuditEntity } from './audit.entity.js'
import type { AuditQuery, AuditRow } from './audit.schema.js'

interface Change {
  /** `upstreams.put` */
  readonly action: string
  readonly target: string
  readonly before?: unknown
  readonly after?: unknown
}

/** Every write leaves a row, in the transaction of the write. */
@Injectable()
export class Audit {
  constructor(
    private readonly database: Database,
    private readonly clock: ClockProvider,
  ) {}

  /** What stands in `before` and `after` must hold no secret: services give what they would answer. */
  async note(
    manager: EntityManager,
    caller: Caller,
    { action, target, before, after }: Change,
  ): Promise<void> {
    const { author, address, requestId } = caller
    await manager.save(AuditEntity, {
      ...{ at: this.clock.now(), author, address, requestId, action, target },
      before: before ?? null,
      after: after ?? null,
    })
  }

  /** The newest first. */
  async list({ limit, after, target, author }: AuditQuery): Promise<Page<AuditRow>> {
    const rows = await this.database.transaction((manager) => {
      const query = manager
        .createQueryBuilder(AuditEntity, 'audit')
        .orderBy('audit.id', 'DESC')
        .take(limit + 1)
      if (after !== undefined) query.andWhere('audit.id < :after', { after })
      if (target !== undefined) query.andWhere('audit.target = :target', { target })
      if (author !== undefined) query.andWhere('audit.author = :author', { author })
      return query.getMany()
    })
    const page = cutPage(rows, limit, ({ id }) => id)
    return { ...page, items: page.items.map(shown) }
  }
}

function shown({ id, at, author, address, requestId, action, target, before, after }: AuditEntity): AuditRow {
  return { id, at: at.toISOString(), author, address, requestId, action, target, before, after }
}
