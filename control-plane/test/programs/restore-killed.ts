// Restores a backup and is killed, kill -9, before the step of a number: each change of a file that stays, and each COMMIT.
// Arguments: the address of the database, the folder of certificates, the backup, the number.
import fs, { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

import { Client } from 'pg'

import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'

import { openApiStage } from '../support/api-stage.js'

const [url = '', certificates = '', file = '', number = ''] = process.argv.slice(2)
const CHANGES = ['mkdir', 'cp', 'writeFile', 'rename', 'open', 'link', 'rm'] as const
let steps = Number.NaN

function step(): void {
  steps -= 1
  if (steps === 0) process.kill(process.pid, 'SIGKILL')
}

/** What is unpacked is nothing that stays. */
function counted<A extends readonly unknown[], R>(call: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    const place = String(args[0])
    if (place.startsWith(certificates) && !place.includes('unpacking-')) step()
    return call(...args)
  }
}

for (const name of CHANGES)
  Object.assign(fs.promises, { [name]: counted(fs.promises[name] as () => unknown) })
syncBuiltinESMExports()

const { query } = Client.prototype
Object.assign(Client.prototype, {
  query(this: Client, ...args: Parameters<typeof query>) {
    if (String(args[0]) === 'COMMIT') step()
    return query.apply(this, args)
  },
})

const stage = await openApiStage({ url, certificates, key: 9 })
steps = Number(number)
await stage.api.done(BACKUP.restore, { stream: readFileSync(file) })
await stage.close()
process.stdout.write('whole\n')
