import { attempt, type Outcome, run } from './commands.js'
import { supportScript } from './scripts.js'
import type { StateFolder } from './state-folder.js'

/** The machine's own Debian, or the folder of `sid-root.sh`. */
export type Suite = 'own' | 'sid'
export const SUITES: readonly Suite[] = ['own', 'sid']

/** The command lines of one Debian suite. They see the state folder by its own path, and run one at a time. */
export class Toolbox {
  /** What stands before a command. */
  readonly #prefix: readonly string[]

  private constructor(prefix: readonly string[]) {
    this.#prefix = prefix
  }

  /** They trust the authority of `caFile`, and no other. */
  static async open(suite: Suite, state: StateFolder, caFile?: string): Promise<Toolbox> {
    const trust = caFile === undefined ? ['env'] : ['env', `SSL_CERT_FILE=${caFile}`]
    if (suite === 'own') return new Toolbox(trust)
    const enter = [supportScript('debian-root.sh'), 'run', await sidRoot(), state.join('tools')]
    return new Toolbox([...enter, '--bind', `${state.path}=${state.path}`, ...trust])
  }

  /** Answers the standard output; throws with all that was written unless the command succeeded. */
  run(...command: readonly string[]): Promise<string> {
    const [program = '', ...args] = [...this.#prefix, ...command]
    return run(program, args)
  }

  /** The caller judges. */
  attempt(...command: readonly string[]): Promise<Outcome> {
    const [program = '', ...args] = [...this.#prefix, ...command]
    return attempt(program, args)
  }
}

/** This week's Debian sid as a folder, made when it is not in the cache. */
export async function sidRoot(): Promise<string> {
  return (await run(supportScript('sid-root.sh'), [])).trim()
}
