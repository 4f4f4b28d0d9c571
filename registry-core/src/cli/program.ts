import { Command } from 'commander'
import { commandNamed, type Run } from './run-command.js'
import { VERSION } from './version.js'

/**
 * `registry-core`: what runs the registry, and looks after its store. Each command is loaded when it is called: the health
 * check of the image begins a process every 15 seconds, and needs none of what serves.
 */
export function makeRegistryCore({ terminal, environment, done }: Run): Command {
  const program = commandNamed('registry-core', terminal)
    .description('A registry for container images, on a store that loses nothing.')
    .version(VERSION)
  program
    .command('serve')
    .description('Serves until it is told to stop (SIGTERM, Ctrl-C).')
    .argument('<config>', 'the configuration file, as registry:2 has it')
    .option('--json', 'write every line in JSON, whatever log.formatter says')
    .action(async (config: string, options: { json?: boolean }) => {
      const { serve } = await import('./serve.js')
      done(await serve(config, options.json ?? false, environment))
    })
  program
    .command('check')
    .description('Reads the configuration file and says what serve would do; changes nothing.')
    .argument('<config>', 'the configuration file')
    .option('--json', 'one JSON object instead of sentences')
    .action(async (config: string, options: { json?: boolean }) => {
      const { check } = await import('./check.js')
      done(check(config, options.json ?? false, environment, terminal))
    })
  program
    .command('hash')
    .description(
      'Makes the bcrypt hash of a password for access.accounts or htpasswd; asks for it, or reads it from stdin.',
    )
    .option('--json', 'one JSON object instead of the hash alone')
    .action(async (options: { json?: boolean }) => {
      const { hash } = await import('./hash.js')
      done(await hash(options.json ?? false, terminal))
    })
  program
    .command('health')
    .description('Asks the registry that runs here whether it is alive: 0 when it is, 1 when not.')
    .argument('[config]', 'its configuration file; when missing, that of the process that serves')
    .option('--json', 'one JSON object instead of a sentence')
    .action(async (config: string | undefined, options: { json?: boolean }) => {
      const { health } = await import('./health.js')
      done(await health(config, options.json ?? false, environment, terminal))
    })
  addStatus(program, { terminal, environment, done })
  addUpstream(program, { terminal, environment, done })
  return program
}

function addStatus(program: Command, { terminal, environment, done }: Run): void {
  program
    .command('status')
    .description(
      'Asks the registry that serves how it is, and how its upstreams are: 0 when all is well, 1 when not.',
    )
    .argument('<config>', 'its configuration file, with internal.socket')
    .option('--json', 'one JSON object instead of sentences')
    .action(async (config: string, options: { json?: boolean }) => {
      const { status } = await import('./status.js')
      done(await status(config, options.json ?? false, environment, terminal))
    })
}

function addUpstream(program: Command, { terminal, environment, done }: Run): void {
  program
    .command('upstream')
    .description('What concerns the registries that are mirrored.')
    .command('check')
    .description(
      'Goes the way of a pull to an upstream: DNS, TCP, TLS, /v2/, token, manifest; says where it ends and what helps.',
    )
    .argument('<host>', 'the host of the upstream, or one of its aliases')
    .argument('[config]', 'the configuration file that names it; without one it is asked as nobody')
    .option('--image <name>', 'the image to ask for; when missing, one that is known to be there')
    .option('--json', 'one JSON object instead of sentences')
    .action(async (host: string, config: string | undefined, options: { image?: string; json?: boolean }) => {
      const { checkUpstream } = await import('./upstream.js')
      const { image, json: isJson = false } = options
      done(await checkUpstream({ host, config, image, isJson }, environment, terminal))
    })
}
