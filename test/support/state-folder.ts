import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { supportScript } from './scripts.js'

/**
 * A folder for the state of daemons, short enough for unix sockets. A keeper process destroys it with the daemons in it: on
 * `destroy`, and when this process ends without having said so (Ctrl-C, a crash, a test that ran out of time).
 */
export class StateFolder {
  readonly path: string
  readonly #keeper: ChildProcess

  constructor() {
    this.path = mkdtempSync(path.join(tmpdir(), 'e-'))
    this.#keeper = spawn('bash', [supportScript('keep-state.sh'), this.path], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true, // a Ctrl-C is for the test run, not for who cleans up after it
    })
  }

  /** A path in it; the folder itself is made by who uses it. */
  join(name: string): string {
    return path.join(this.path, name)
  }

  async destroy(): Promise<void> {
    this.#keeper.stdin?.end()
    if (this.#keeper.exitCode === null) await once(this.#keeper, 'exit')
  }
}
