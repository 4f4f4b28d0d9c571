import { gunzipSync } from 'node:zlib'

import { unpackTar } from 'modern-tar'
import { Client } from 'pg'

/** Puts as many rows into the audit. */
export async function filled(url: string, count: number): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(
    `INSERT INTO audit (at, author, address, "requestId", action, target, after)
     SELECT now() - n * interval '1 second', 'load', 'local', n::text, 'load', 'row', jsonb_build_object('x', repeat(md5(n::text), 25))
     FROM generate_series(1, $1::int) n`,
    [count],
  )
  await client.end()
}

/** Changes a box's rows as nobody could by its API. */
export async function changed(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}

/** Puts the proxy into every row that an upstream was kept in, as a version had it that did not hide its password. */
export async function proxied(url: string, proxy: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  for (const statement of [
    `UPDATE upstream SET settings = settings || jsonb_build_object('proxy', $1::text)`,
    `UPDATE audit SET after = after || jsonb_build_object('proxy', $1::text) WHERE action = 'upstreams.put'`,
    `UPDATE configuration SET files = files || jsonb_build_object('registry.yml', 'proxy: ' || $1::text),
       intent = jsonb_set(intent, '{upstreams}', (
         SELECT jsonb_agg(u || jsonb_build_object('settings', u->'settings' || jsonb_build_object('proxy', $1::text)))
         FROM jsonb_array_elements(intent->'upstreams') u))
     WHERE jsonb_array_length(intent->'upstreams') > 0`,
  ])
    await client.query(statement, [proxy])
  await client.end()
}

type Row = Readonly<Record<string, unknown>>

/** The rows of a backup that is not encrypted, by table. */
export async function rowsIn(file: Buffer): Promise<Readonly<Record<string, readonly Row[]>>> {
  const rows: Record<string, Row[]> = {}
  for (const { header, data = new Uint8Array() } of await unpackTar(gunzipSync(file))) {
    const [, table] = /^tables\/(\w+)\//.exec(header.name) ?? []
    if (table === undefined) continue
    const lines = Buffer.from(data).toString('utf8').trimEnd().split('\n')
    rows[table] = [...(rows[table] ?? []), ...lines.map((line) => JSON.parse(line) as Row)]
  }
  return rows
}
