import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'

import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { ADMIN_TOKEN, type ApiStage, openApiStage } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { entrepot } from './support/entrepot.js'
import { backup, leftOvers, live, look, sent } from './support/lived-box.js'
import { describeAsRoot } from './support/needs-root.js'

describeAsRoot('a full disk', () => {
  let postgres: TestPostgres
  let folder: string
  const stages: ApiStage[] = []

  beforeAll(async () => {
    postgres = await startTestPostgres()
  })
  afterAll(async () => postgres?.stop())

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  })
  afterEach(async () => {
    for (const stage of stages.splice(0)) await stage.close()
    execFileSync('umount', [folder])
    rmSync(folder, { recursive: true })
  })

  async function opened(key: number, certificates?: string): Promise<ApiStage> {
    const url = await postgres.freshDatabase()
    const stage = await openApiStage({ url, key, ...(certificates !== undefined && { certificates }) })
    stages.push(stage)
    return stage
  }

  function mount(size: string): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', folder])
  }

  test('under a backup that is written is told, and nothing of the backup is left', async () => {
    mount('4k')
    const old = await opened(7)
    await live(old)
    const environment = { ENTREPOT_SERVER: old.base, ENTREPOT_ADMIN_TOKEN: ADMIN_TOKEN, HOME: '/' }
    expect(await entrepot(['backup', path.join(folder, 'box.backup')], environment)).toMatchObject({
      code: 1,
      error: expect.stringMatching(/box\.backup cannot be written: ENOSPC/),
    })
    expect(readdirSync(folder)).toEqual([])
  })

  test('of the box that restores is told, nothing has changed, and with room it is restored', async () => {
    mount('2m')
    const old = await opened(7)
    await live(old)
    const file = await backup(old)
    const certificates = path.join(folder, 'certificates')
    const next = await opened(9, certificates)
    const before = await look(next)
    const ballast = path.join(folder, 'ballast')
    const { bavail, bsize } = statfsSync(folder)
    for (const free of [0, 5, 10, 15, 20]) {
      writeFileSync(ballast, Buffer.alloc((bavail - free) * bsize))
      expect(await next.api.refused(BACKUP.restore, sent(file))).toMatchObject({
        ...{ status: 507, title: 'The disk of the box is full' },
        detail: expect.stringContaining('nothing has changed'),
      })
      rmSync(ballast)
      expect(await look(next)).toEqual(before)
      expect(leftOvers(next)).toEqual([])
    }
    await next.api.done(BACKUP.restore, sent(file))
    expect(await look(next)).toEqual(await look(old))
  })
})
