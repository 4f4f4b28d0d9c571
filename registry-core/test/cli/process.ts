import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'

/** The program as it ships. */
export const BINARY = fileURLToPath(new URL('../../../bin/registry-core.js', import.meta.url))

/** The same under the name that registry:2 has. */
export const REGISTRY_BINARY = fileURLToPath(new URL('../../../bin/registry.js', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command of the real program, run to its end. */
export function run(...args: string[]): Promise<Ended> {
  return runWith({}, BINARY, ...args)
}

/** The same of either program, with variables besides. */
export async function runWith(
  environment: Readonly<Record<string, string>>,
  binary: string,
  ...args: string[]
): Promise<Ended> {
  const child = spawn(process.execPath, [binary, ...args], { env: { ...process.env, ...environment } })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code: typeof code === 'number' ? code : null, stdout, stderr }
}

/** A folder with a configuration file, removed by `remove`. */
export function makeConfig(further: object = {}): { folder: string; file: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'e-'))
  const file = join(folder, 'config.yml')
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(folder, 'store') }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0' },
    ...further,
  }
  writeFileSync(file, JSON.stringify(config))
  return { folder, file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A registry that serves as a process of its own; stdout is a pipe that is read when somebody asks. */
export interface Serving {
  readonly child: ChildProcess
  readonly port: number
  /** Everything said so far. */
  log(): string
  /** Leaves the pipe unread from now on. */
  stopReading(): void
  startReading(): void
  stop(): Promise<number | null>
}

export async function serve(file: string, wrapper: readonly string[] = []): Promise<Serving> {
  const [program, ...args] = [...wrapper, process.execPath, BINARY, 'serve', file]
  const child = spawn(program ?? process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  let said = ''
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const hear = (bytes: Buffer): void => {
    said += bytes.toString()
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1]
    if (port !== undefined) resolve(Number(port))
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  void exited.then(() => reject(new Error(`it ended:\n${said}`)))
  const port = await promise
  return {
    child,
    port,
    log: () => said,
    stopReading: () => child.stdout.pause(),
    startReading: () => child.stdout.resume(),
    async stop() {
      child.kill('SIGTERM')
      const [code] = await exited
      return typeof code === 'number' ? code : null
    },
  }
}
