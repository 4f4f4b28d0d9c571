import path from 'node:path'
import { openLogSink } from '@entrepot/registry-core/contract'
import { systemClock } from '../system/clock.js'
import { systemRandom } from '../system/random.js'
import { runBox } from './run-box.js'
import { StartRefused } from './start-refused.js'

const ROOT = path.join(import.meta.dirname, '..', '..', '..')

/** For lines that nobody has read yet, at the end. */
const LAST_LINES_MS = 2000
/** A terminal that is halted, or a pipe that nobody reads, must not halt the box. */
const [out, errors] = [openLogSink(1), openLogSink(2)]

/** Runs the box of `npm start` with the variables of this process; answers the exit code. */
async function main(): Promise<number> {
  try {
    return await runBox({
      environment: process.env,
      root: ROOT,
      clock: systemClock,
      random: systemRandom,
      say: (text, gone) => out.write(`${text}\n`, gone),
    })
  } catch (error) {
    if (!(error instanceof StartRefused)) throw error
    errors.write(`Entrepot does not start: ${error.message}\n`)
    return 1
  }
}

// Some containers and NAS give every file to everybody: what lies here is nobody else's to write, whoever started it.
process.umask(process.umask() | 0o022)
const code = await main()
await Promise.all([out, errors].map((sink) => sink.close(LAST_LINES_MS)))
// Not left to an empty event loop: a look at our parent is always due.
process.exit(code)
