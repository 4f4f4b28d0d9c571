import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { ConfigurationError } from '../config/configuration-error.js'
import type { Environment } from '../config/environment.js'
import { readSettings } from '../config/read-settings.js'
import { commandNamed, type Run } from './run-command.js'
import type { ExitCode, Terminal } from './terminal.js'
import { VERSION } from './version.js'

/** Where registry:2 and registry:3 have their file. */
const PLACES = ['/etc/docker/registry/config.yml', '/etc/distribution/config.yml']

/** `registry`: the program that people's entry points and cron jobs call, with the arguments they give it. */
export function makeRegistry({ terminal, environment, done }: Run): Command {
  const program = commandNamed('registry', terminal)
    .description('The program registry of registry:2, by Entrepot.')
    .version(`registry (entrepot) ${VERSION}`, '-v, --version')
  program
    .command('serve')
    .description('Serves until it is told to stop (SIGTERM, Ctrl-C).')
    .argument('[config]', 'the configuration file; else the one that REGISTRY_CONFIGURATION_PATH names')
    .action(async (config?: string) => {
      const file = configurationPath(config, environment)
      const { serve } = await import('./serve.js') // as in program.ts
      done(await serve(file, false, environment))
    })
  program
    .command('garbage-collect')
    .description('Removes what no image needs any more; comes with a later version.')
    .argument('[config]', 'the configuration file; else the one that REGISTRY_CONFIGURATION_PATH names')
    .option('-d, --dry-run', 'only say what would go')
    .option('-m, --delete-untagged', 'manifests without a tag too')
    .action((config: string | undefined, options: { deleteUntagged?: boolean }) =>
      done(collect(configurationPath(config, environment), environment, terminal, options)),
    )
  return program
}

function configurationPath(argument: string | undefined, environment: Environment): string {
  const named = argument ?? environment['REGISTRY_CONFIGURATION_PATH']
  const file = named || PLACES.find((place) => existsSync(place))
  if (file !== undefined) return file
  const why = `no configuration file: name one, or set REGISTRY_CONFIGURATION_PATH, or make ${PLACES.join(' or ')}`
  throw new ConfigurationError('serve', [why])
}

/** A cron job must not take it for done; nor may it stop the registry or make it read-only for this, as it had to. */
function collect(
  file: string,
  environment: Environment,
  terminal: Terminal,
  { deleteUntagged = false }: { readonly deleteUntagged?: boolean },
): ExitCode {
  readSettings(file, environment)
  const rest = deleteUntagged ? ' Manifests without a tag stay until a policy names them.' : ''
  terminal.error(
    `registry: garbage-collect does not collect yet: it comes with a later version, online. Nothing was removed.${rest}\n`,
  )
  return 3
}
