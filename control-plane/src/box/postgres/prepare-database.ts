import { Client } from 'pg'

import { SUPERUSER } from './make-cluster.js'
import { PORT } from './postgres-places.js'

const NAME = 'entrepot'

/** How to reach the server. */
export interface Door {
  readonly socketFolder: string
  readonly password: string
}

/** The address of one database. Complete, so that no PG… variable of whoever starts the box changes it. */
function databaseUrl({ socketFolder, password }: Door, user: string, database: string): string {
  const query = `host=${encodeURIComponent(socketFolder)}&port=${PORT}&sslmode=disable`
  return `postgres://${user}:${encodeURIComponent(password)}@/${database}?${query}`
}

/** Makes the product's database when it is not there, owned by a role that rules nothing else; answers its address. */
export async function prepareDatabase(door: Door): Promise<string> {
  const client = new Client({ connectionString: databaseUrl(door, SUPERUSER, 'postgres') })
  client.on('error', () => undefined) // a server that goes away meanwhile is told by the query
  await client.connect()
  try {
    const role = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [NAME])
    if (role.rowCount === 0)
      await client.query(`CREATE ROLE ${NAME} LOGIN PASSWORD ${client.escapeLiteral(door.password)}`)
    const database = await client.query('SELECT FROM pg_database WHERE datname = $1', [NAME])
    if (database.rowCount === 0) await client.query(`CREATE DATABASE ${NAME} OWNER ${NAME}`)
  } finally {
    await client.end()
  }
  return databaseUrl(door, NAME, NAME)
}
