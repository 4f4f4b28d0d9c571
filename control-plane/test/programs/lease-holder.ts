// A control plane that does one job, once it is its turn, and tells what happens by lines. Arguments: the address of the
// database, the length of the lease in milliseconds, and what it does when it is told so by a line: `keep` keeps what it
// did in one transaction; `hold` is in the midst of that transaction, until the line.
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { Database } from '#control/database/database.js'
import { Leases } from '#control/leases/leases.js'
import { systemClock as clock } from '#control/system/clock.js'

const [url = '', leaseMs = '', way = ''] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })
const told = once(lines, 'line')
const tell = (what: string): void => void process.stdout.write(`${what}\n`)

const database = new Database({ url, clock })
const log = { warn: () => tell('not ended') }
const leases = new Leases({ database, clock, log, holder: 'program', leaseMs: Number(leaseMs) })

await leases.runInTurn('job', AbortSignal.timeout(50_000), async ({ signal, require }) => {
  signal.addEventListener('abort', () => tell('lost'))
  if (way === 'keep') {
    tell('begun')
    await told
  }
  try {
    await database.transaction(async (manager) => {
      await require(manager)
      await manager.query(`INSERT INTO done VALUES ('program')`)
      if (way !== 'hold') return
      tell('begun')
      await told
    })
    tell('kept')
  } catch (error) {
    tell(Error.isError(error) ? error.message : String(error))
  }
})
lines.close()
await database.close()
