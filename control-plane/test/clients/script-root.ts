import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach } from '@jest/globals'

import type { ClientBox } from '#control/clients/client-box.js'
import { GOLDEN_BOXES } from '#control/clients/golden-examples.js'
import { installScript, type ScriptedSystem } from '#control/clients/install-script.js'

export const OPEN: ClientBox = GOLDEN_BOXES.open
export const ACCOUNT: ClientBox = GOLDEN_BOXES.account

/** What a machine may have had before. */
export const DAEMON_JSON =
  '{ "log-driver": "local",\n "registry-mirrors": ["https://other.example"], "n": 1.50 }\n'

export interface Ran {
  readonly code: number | null
  readonly output: string
}

export interface How {
  readonly system?: ScriptedSystem
  readonly box?: ClientBox
  readonly shell?: string
  readonly env?: NodeJS.ProcessEnv
}

/** A system in a folder, anew for each test, on which the scripts run as `curl … | sh` does. */
export class ScriptRoot {
  #folder = ''

  static use(): ScriptRoot {
    const root = new ScriptRoot()
    beforeEach(() => {
      root.#folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
      mkdirSync(root.file('var/lib'), { recursive: true })
    })
    afterEach(() => rmSync(root.#folder, { recursive: true }))
    return root
  }

  file(name: string): string {
    return path.join(this.#folder, 'root', name)
  }

  /** Of the test, outside the system. */
  beside(name: string): string {
    return path.join(this.#folder, name)
  }

  run(text: string, args: readonly string[], { shell = 'sh', env = process.env }: How = {}): Ran {
    const command = shell === 'busybox' ? ['busybox', 'sh'] : [shell]
    const fixed = ['-s', '--', '--root', this.file(''), '--no-prove']
    const [program = '', ...words] = [...command, ...fixed, ...args]
    const { status, stdout, stderr } = spawnSync(program, words, { input: text, env, encoding: 'utf8' })
    return { code: status, output: stdout + stderr }
  }

  install(how: How = {}, ...args: readonly string[]): Ran {
    const { system = 'docker', box = OPEN } = how
    return this.run(installScript(system, box), ['--fingerprint', box.caFingerprint, ...args], how)
  }

  undo(how: How = {}, ...args: readonly string[]): Ran {
    return this.run(installScript(how.system ?? 'docker', how.box ?? OPEN), ['--undo', ...args], how)
  }

  /** Every file and folder with its mode, its bytes, and when it was changed: in seconds, as busybox keeps them. */
  everything(): Readonly<Record<string, string>> {
    const names = readdirSync(this.file(''), { recursive: true, encoding: 'utf8' })
    const entries = names.map((name) => {
      const entry = lstatSync(this.file(name))
      const bytes = entry.isFile() ? `${Math.floor(entry.mtimeMs / 1000)} ${this.read(name)}` : ''
      return [name, `${entry.mode.toString(8)} ${bytes}`] as const
    })
    return Object.fromEntries(entries.filter(([name]) => name !== 'var' && name !== 'var/lib'))
  }

  put(name: string, text: string, mode = 0o644): void {
    mkdirSync(path.dirname(this.file(name)), { recursive: true })
    writeFileSync(this.file(name), text)
    chmodSync(this.file(name), mode)
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8')
  }
}
