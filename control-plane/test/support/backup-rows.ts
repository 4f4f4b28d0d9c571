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
