import type { Command } from './child-part.js'
import { findProgram } from './find-program.js'

/**
 * A program that knows nothing of its parent: the kernel sends it this signal when we are gone without a word (kill -9),
 * where setpriv(1) can ask for that. It becomes the program itself, with its process id.
 */
export function endingWithUs(
  signal: 'QUIT' | 'INT',
  file: string,
  args: readonly string[],
): Pick<Command, 'file' | 'args'> {
  const setpriv = findProgram('setpriv')
  return setpriv === undefined
    ? { file, args }
    : { file: setpriv, args: ['--pdeathsig', signal, '--', file, ...args] }
}
