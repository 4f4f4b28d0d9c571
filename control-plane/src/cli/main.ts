import { CommanderError } from 'commander'

import type { Run } from './command.js'
import { CommandFailed, type ExitCode } from './failures.js'
import { printable } from './output.js'
import { makeProgram } from './program.js'
import { processTerminal } from './terminal.js'

/** Runs `entrepot` with the arguments of the process. */
export async function main(): Promise<void> {
  process.exitCode = await runProgram(process.argv.slice(2), {
    ...{ terminal: processTerminal, environment: process.env },
  })
}

/** Answers the exit code, and throws nothing. */
async function runProgram(args: readonly string[], run: Run): Promise<ExitCode> {
  try {
    await makeProgram(run).parseAsync([...args], { from: 'user' })
    return 0
  } catch (error) {
    // commander has said what is wrong; help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const message = Error.isError(error) ? error.message : String(error)
    run.terminal.error(`entrepot: ${printable(message)}\n`)
    return error instanceof CommandFailed ? error.exitCode : 1
  }
}
