import { execFile } from 'node:child_process'
import path from 'node:path'

const PROGRAM = path.join(import.meta.dirname, '..', '..', '..', 'bin', 'entrepot.js')

/** How a run of the command line ended. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

/** Runs `entrepot` as a person's shell does, with nothing else in its environment. */
export async function entrepot(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  stdin = '',
): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>()
  const options = { env: { PATH: process.env['PATH'] ?? '', ...environment }, timeout: 50_000 }
  const child = execFile(process.execPath, [PROGRAM, ...args], options, (error, out, said) => {
    const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
    resolve({ code, out, error: said })
  })
  child.stdin?.end(stdin)
  return promise
}
