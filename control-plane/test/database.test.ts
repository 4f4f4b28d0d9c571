import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Client } from 'pg'
import { DataSource } from 'typeorm'

import { startTestPostgres, type TestPostgres } from './support/database.js'

let postgres: TestPostgres

beforeAll(async () => {
  postgres = await startTestPostgres(async (url) => {
    await query(url, 'CREATE TABLE fruit (name text PRIMARY KEY)')
  })
})
afterAll(async () => postgres.stop())

async function query(url: string, text: string): Promise<readonly unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test('each test has a database of its own, with what was prepared', async () => {
  const [one, other] = [await postgres.freshDatabase(), await postgres.freshDatabase()]
  await query(one, "INSERT INTO fruit VALUES ('apple')")
  expect(await query(one, 'SELECT name FROM fruit')).toEqual([{ name: 'apple' }])
  expect(await query(other, 'SELECT name FROM fruit')).toEqual([])
})

test('TypeORM takes the address as it is', async () => {
  const source = new DataSource({ type: 'postgres', url: await postgres.freshDatabase() })
  await source.initialize()
  await source.query('CREATE TABLE tree (id int)')
  expect(await source.query('SELECT current_user AS who')).toEqual([{ who: 'entrepot' }])
  await source.destroy()
})

test('the product is no superuser, and sorts the same on every machine', async () => {
  const url = await postgres.freshDatabase()
  expect(await query(url, 'SELECT usesuper, usecreatedb FROM pg_user WHERE usename = current_user')).toEqual([
    { usesuper: false, usecreatedb: false },
  ])
  expect(
    await query(url, 'SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()'),
  ).toEqual([{ datlocprovider: 'b', datlocale: 'C.UTF-8' }])
  expect(await query(url, 'SHOW data_checksums')).toEqual([{ data_checksums: 'on' }])
})
