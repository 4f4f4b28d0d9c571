import { Command } from 'commander'

import { productVersion } from '../system/product-version.js'
import type { Run } from './command.js'
import { addAccounts } from './commands/accounts.js'
import { addAudit } from './commands/audit.js'
import { addBackup } from './commands/backup.js'
import { addCertificates } from './commands/certificates.js'
import { addClients } from './commands/clients.js'
import { addConfig } from './commands/config.js'
import { addLogin } from './commands/login.js'
import { addNginx } from './commands/nginx.js'
import { addStatus } from './commands/status.js'
import { addTokens } from './commands/tokens.js'
import { addUpstreams } from './commands/upstreams.js'

const EXIT_CODES = `
Ends with 0 when it is done, 1 when the box refuses, 2 when the command line is wrong, 3 when the box cannot be reached.`

/** `entrepot`: everything that the admin API can do, a call for each command. */
export function makeProgram(run: Run): Command {
  const { terminal } = run
  const program = new Command('entrepot')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.error(text) })
    .showHelpAfterError('(--help shows what can be typed)')
    .description(
      'Looks after an Entrepot box: what it mirrors, who may push, how nginx serves, and what was changed.',
    )
    .version(productVersion())
    .addHelpText('after', EXIT_CODES)
  addLogin(program, run)
  addStatus(program, run)
  addUpstreams(program, run)
  addAccounts(program, run)
  addNginx(program, run)
  addCertificates(program, run)
  addClients(program, run)
  addConfig(program, run)
  addAudit(program, run)
  addTokens(program, run)
  addBackup(program, run)
  return program
}
