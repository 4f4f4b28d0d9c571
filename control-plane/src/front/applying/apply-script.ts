import { spawn } from 'node:child_process'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { APPLY_SCRIPT } from '@entrepot/front'

import type { ApplyPlaces } from './apply-places.js'

/** The programs of this machine that a change needs. */
export interface ApplyPrograms {
  /** nginx itself; looked for in PATH and the administrator's folders when missing. */
  readonly nginx?: string
  /** registry-core; looked for in PATH when missing. */
  readonly registryCore?: string
  /** What does the privileged steps: ours, or what calls it with other rights. */
  readonly applyScript?: string
}

/** What a test of a generation found. */
export type Tested =
  | { readonly outcome: 'sound' }
  | { readonly outcome: 'refused'; readonly stage: 'nginx' | 'core'; readonly reason: string }

/** The privileged steps, each a call of apply.sh. */
export interface ApplyScript {
  /** Whether nginx, or the core, would start with it, by their programs. */
  test(id: string, whom: 'nginx' | 'core'): Promise<Tested>
  /** Makes it the one that nginx and the core read. */
  swap(id: string): Promise<void>
  /** `stopped`: there is no nginx to be told. */
  reload(): Promise<'reloaded' | 'stopped'>
  /** Closes a log of nginx, which begins another one; of older ones so many are kept. */
  rotate(log: { readonly name: string; readonly kept: number }): Promise<void>
  /** Makes it the one that a later start goes back to. */
  keep(id: string): Promise<void>
}

const REFUSED: Readonly<Record<number, 'nginx' | 'core'>> = { 10: 'nginx', 11: 'core' }

/** The steps by apply.sh, as a child process. */
export function openApplyScript(places: ApplyPlaces, programs: ApplyPrograms = {}): ApplyScript {
  const run = (...args: readonly string[]) => runScript(places, programs, args)
  return {
    async test(id, whom) {
      const { code, stderr, stdout } = await run('test', id, whom)
      const stage = REFUSED[code ?? 0]
      if (stage) return { outcome: 'refused', stage, reason: reasonOf(stderr, places) }
      outputOf({ code, stderr, stdout }, 'test')
      return { outcome: 'sound' }
    },
    swap: async (id) => void outputOf(await run('swap', id), 'swap'),
    reload: async () => (outputOf(await run('reload'), 'reload') === 'stopped' ? 'stopped' : 'reloaded'),
    rotate: async ({ name, kept }) => void outputOf(await run('rotate', name, String(kept)), 'rotate'),
    keep: async (id) => void outputOf(await run('keep', id), 'keep'),
  }
}

/** How nginx itself is run on what is in force: the program and its environment. It stays in the foreground. */
export function nginxCommand(
  places: ApplyPlaces,
  programs: ApplyPrograms = {},
): { readonly command: readonly [file: string, ...args: string[]]; readonly environment: NodeJS.ProcessEnv } {
  const command = [programs.applyScript ?? APPLY_SCRIPT, 'run'] as const
  return { command: [...command], environment: environmentOf(places, programs) }
}

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function outputOf({ code, stdout, stderr }: Ran, step: string): string {
  if (code !== 0) throw new Error(`apply.sh ${step} ended with ${code ?? 'a signal'}: ${stderr.trim()}`)
  return stdout.trim()
}

async function runScript(
  places: ApplyPlaces,
  programs: ApplyPrograms,
  args: readonly string[],
): Promise<Ran> {
  const child = spawn(programs.applyScript ?? APPLY_SCRIPT, args, {
    env: environmentOf(places, programs),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', resolve)
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), promise])
  return { code, stdout, stderr }
}

/** Nothing of ours: a secret in it would be in the process list of its children. */
function environmentOf(places: ApplyPlaces, { nginx, registryCore }: ApplyPrograms): NodeJS.ProcessEnv {
  return {
    // registry-core is a script of the Node that runs this.
    PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
    ENTREPOT_CONFIG: places.config,
    ENTREPOT_FRONT_PREFIX: places.prefix,
    ...(nginx === undefined ? {} : { ENTREPOT_NGINX: nginx }),
    ...(registryCore === undefined ? {} : { ENTREPOT_REGISTRY_CORE: registryCore }),
  }
}

/** What nginx and the core said, without the names of our own files that no person gave. */
export function reasonOf(said: string, { config }: Pick<ApplyPlaces, 'config'>): string {
  const lines = said
    .split('\n')
    .filter((line) => line !== '' && !/configuration file .* test (failed|is successful)/.test(line))
    .map((line) =>
      line
        .replace(/^nginx: \[\w+\] /, '')
        .replaceAll(new RegExp(`${RegExp.escape(config)}/generations/[^/\\s]+/`, 'g'), ''),
    )
  return lines.join('; ')
}
