import path from 'node:path'
import { CertificateRefused } from '../front/certificates/certificate-refused.js'
import { systemClock } from '../system/clock.js'
import { systemRandom } from '../system/random.js'
import { runBox } from './run-box.js'
import { StartRefused } from './start-refused.js'

const ROOT = path.join(import.meta.dirname, '..', '..', '..')

/** Runs the box of `npm start` with the variables of this process; answers the exit code. */
async function main(): Promise<number> {
  try {
    return await runBox({
      environment: process.env,
      root: ROOT,
      clock: systemClock,
      random: systemRandom,
      say: (text) => void process.stdout.write(`${text}\n`),
    })
  } catch (error) {
    const isForPeople = error instanceof StartRefused || error instanceof CertificateRefused
    if (!isForPeople) throw error
    process.stderr.write(`Entrepot does not start: ${error.message}\n`)
    return 1
  }
}

const code = await main()
// Not left to an empty event loop: a look at our parent is always due.
process.exit(code)
