import { expect, test } from '@jest/globals'
import { Client } from 'pg'

import { Database } from '#control/database/database.js'
import { systemClock } from '#control/system/clock.js'
import { startTestPostgres } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { longestWait } from '../support/longest-wait.js'

test('a migration may wait for others longer than a statement may take', async () => {
  const postgres = await startTestPostgres()
  const url = await postgres.freshDatabase()
  const other = new Client({ connectionString: url })
  await other.connect()
  await other.query('BEGIN; CREATE TABLE migration (id int)') // whoever makes it too has to wait for this
  const said: string[] = []
  const database = new Database({ url, clock: systemClock })
  const opened = database.open(new AbortController().signal, (sentence) => said.push(sentence))
  await eventually('six seconds of waiting', async () => (await longestWait(url)) > 6 || undefined)
  await expect(database.check()).rejects.toThrow('no answer within 5 s')
  await other.query('ROLLBACK')
  await opened
  await database.check()
  expect(said).toEqual([])
  await database.close()
  await other.end()
  await postgres.stop()
})
