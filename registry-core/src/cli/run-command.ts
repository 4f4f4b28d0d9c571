import { Command, CommanderError } from 'commander'
import { ConfigurationError } from '../config/configuration-error.js'
import type { Environment } from '../config/environment.js'
import type { ExitCode, Terminal } from './terminal.js'

/** What a program is run with; `done` takes the exit code of its command. */
export interface Run {
  readonly terminal: Terminal
  readonly environment: Environment
  readonly done: (code: ExitCode) => void
}

/** Runs the command that the arguments name; answers the exit code, throws nothing. */
export async function runCommand(
  makeProgram: (run: Run) => Command,
  args: readonly string[],
  { terminal, environment }: Pick<Run, 'terminal' | 'environment'>,
): Promise<ExitCode> {
  let code: ExitCode = 0
  const program = makeProgram({
    terminal,
    environment,
    done: (result) => {
      code = result
    },
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const isJson = args.includes('--json')
    const message = Error.isError(error) ? error.message : String(error)
    terminal.error(isJson ? `${JSON.stringify({ error: message })}\n` : `${program.name()}: ${message}\n`)
    return error instanceof ConfigurationError ? 2 : 3
  }
}

/** A program that writes to the terminal it is given, and ends by throwing. */
export function commandNamed(name: string, terminal: Terminal): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.error(text) })
    .showHelpAfterError('(--help shows what can be typed)')
}
