// A box that has a PostgreSQL only: starts it again whenever it ends, until SIGTERM. Arguments: folder, run folder.
// ENTREPOT_TEST_DURABLE: it writes to the disk what it promises. Writes a line of JSON for each thing that happens.
import { startPostgres } from '#control/box/postgres/start-postgres.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'

const [folder = '', runFolder = ''] = process.argv.slice(2)
const durable = process.env['ENTREPOT_TEST_DURABLE'] !== undefined
let stopping = false

function tell(event: string, text: string): void {
  process.stdout.write(`${JSON.stringify({ event, text })}\n`)
}

async function runOnce(): Promise<void> {
  const say = (line: string): void => tell('said', line)
  const postgres = await startPostgres({
    folder,
    runFolder,
    clock: systemClock,
    random: systemRandom,
    say,
    durable,
  })
  const stop = (): void => {
    stopping = true
    void postgres.stop()
  }
  process.once('SIGTERM', stop)
  tell('ready', postgres.url)
  tell('exited', await postgres.exited)
  process.off('SIGTERM', stop)
}

try {
  while (!stopping) await runOnce()
} catch (error) {
  tell('refused', Error.isError(error) ? `${error.name}: ${error.message}` : String(error))
  process.exitCode = 1
}
