import { makeRegistryCore } from './cli/program.js'
import { makeRegistry } from './cli/registry-program.js'
import { runCommand } from './cli/run-command.js'

/** Runs one of the programs of this package with the arguments of the process, and ends it. */
export async function main(program: 'registry' | 'registry-core'): Promise<never> {
  const makeProgram = program === 'registry' ? makeRegistry : makeRegistryCore
  const terminal = {
    out: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
  }
  const code = await runCommand(makeProgram, process.argv.slice(2), { terminal, environment: process.env })
  // Not left to an empty event loop: idle connections and a log that nobody reads must not hold the process.
  process.exit(code)
}
