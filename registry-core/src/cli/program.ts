import { Command, CommanderError } from 'commander'
import { ConfigurationError } from '../config/configuration-error.js'
import { check } from './check.js'
import { serve } from './serve.js'
import type { ExitCode, Terminal } from './terminal.js'
import { VERSION } from './version.js'

/** Runs the command that the arguments name; answers the exit code, throws nothing. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = 0
  const program = makeProgram(terminal, (result) => {
    code = result
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const isJson = args.includes('--json')
    const message = Error.isError(error) ? error.message : String(error)
    terminal.error(isJson ? `${JSON.stringify({ error: message })}\n` : `registry-core: ${message}\n`)
    return error instanceof ConfigurationError ? 2 : 3
  }
}

function makeProgram(terminal: Terminal, done: (code: ExitCode) => void): Command {
  const program = new Command('registry-core')
    .description('A registry for container images, on a store that loses nothing.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.error(text) })
    .showHelpAfterError('(--help shows what can be typed)')
  program
    .command('serve')
    .description('Serves until it is told to stop (SIGTERM, Ctrl-C).')
    .argument('<config>', 'the configuration file, as registry:2 has it')
    .option('--json', 'write every line in JSON, whatever log.formatter says')
    .action(async (config: string, options: { json?: boolean }) =>
      done(await serve(config, options.json ?? false)),
    )
  program
    .command('check')
    .description('Reads the configuration file and says what serve would do; changes nothing.')
    .argument('<config>', 'the configuration file')
    .option('--json', 'one JSON object instead of sentences')
    .action((config: string, options: { json?: boolean }) =>
      done(check(config, options.json ?? false, terminal)),
    )
  return program
}
