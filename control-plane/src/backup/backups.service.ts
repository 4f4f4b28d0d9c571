import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

import { Injectable } from '@nestjs/common'
import type { Response } from 'express'
import type { EntityManager } from 'typeorm'

import { Audit } from '../audit/audit.service.js'
import { Database } from '../database/database.js'
import { Site } from '../front/site.js'
import type { Caller } from '../http/caller.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import { Sealing } from '../system/sealed.js'
import { archiveOf, type Entry, KEY_ENTRY } from './archive.js'
import { BACKUP_ROUTES, type BackupWish } from './backup.schema.js'
import { readCertificateFiles } from './certificate-files.js'
import { encrypt } from './encryption.js'
import { type Table, TABLES } from './tables.js'

/** As many rows are asked for at once, and a part of a table ends when it is as large. */
const FETCHED = 200
const PART_BYTES = 1024 * 1024

/** All that the box must not lose, but for its images, as one stream. */
@Injectable()
export class Backups {
  constructor(
    private readonly database: Database,
    private readonly site: Site,
    private readonly sealing: Sealing,
    private readonly audit: Audit,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
  ) {}

  /** Rows, files and key of one moment, in which no change was half done. A client that leaves ends it. */
  async write({ passphrase }: BackupWish, caller: Caller, response: Response): Promise<void> {
    const at = this.clock.now()
    const isEncrypted = passphrase !== undefined
    await this.database.transaction((manager) =>
      this.audit.note(manager, caller, {
        action: 'backup',
        target: isEncrypted ? 'encrypted' : 'in the clear',
      }),
    )
    await this.database.snapshot(async (manager) => {
      // The first question of a snapshot is its moment.
      const files = await this.database.alone(async () => {
        await manager.query('SELECT count(*) FROM setting')
        return readCertificateFiles(this.site.certificates)
      })
      const name = `entrepot-${at.toISOString().replaceAll(/[^0-9TZ]/g, '')}`
      response.setHeader('Cache-Control', 'no-store')
      response.attachment(isEncrypted ? `${name}.backup` : `${name}.tar.gz`)
      response.setHeader('Content-Type', BACKUP_ROUTES.backup.type)
      const plain = archiveOf(this.#entries(manager, files), at)
      if (isEncrypted) await pipeline(plain, createGzip(), encrypt(passphrase, this.random), response)
      else await pipeline(plain, createGzip(), response)
    })
  }

  async *#entries(manager: EntityManager, files: readonly Entry[]): AsyncGenerator<Entry> {
    yield { name: KEY_ENTRY, bytes: Buffer.from(this.sealing.exportKey()) }
    yield* files
    for (const table of TABLES) yield* partsOf(manager, table)
  }
}

/** The rows as lines of JSON, in parts that fit into memory. */
async function* partsOf(manager: EntityManager, { name, key, only = 'true' }: Table): AsyncGenerator<Entry> {
  await manager.query(
    `DECLARE rows NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS line FROM "${name}" t
      WHERE ${only} ORDER BY "${key}"`,
  )
  let lines: string[] = []
  let size = 0
  let number = 0
  const part = (): Entry => ({
    name: `tables/${name}/${String(++number).padStart(6, '0')}.ndjson`,
    bytes: Buffer.from(lines.map((line) => `${line}\n`).join('')),
  })
  for (;;) {
    const rows = await manager.query<{ readonly line: string }[]>(`FETCH ${FETCHED} FROM rows`)
    for (const { line } of rows) {
      lines.push(line)
      size += line.length
      if (size < PART_BYTES) continue
      yield part()
      lines = []
      size = 0
    }
    if (rows.length < FETCHED) break
  }
  if (lines.length > 0) yield part()
  await manager.query('CLOSE rows')
}
