import { findProgram } from '#control/box/find-program.js'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  connectTo,
  type Ending,
  freePort,
  type RunningProcess,
  startProcess,
  untilListening,
} from './processes.js'

export type TargetName = 'registry-core' | 'registry-core behind nginx' | 'docker-registry'

/** A registry that runs, over a store of its own. */
export interface Target {
  readonly name: TargetName
  /** As in `http://127.0.0.1:40123`, without a slash at the end; `https:` where `http` names certificates. */
  readonly baseUrl: string
  readonly port: number
  /** The folder that holds `docker/registry/v2`. */
  readonly root: string
  readonly configFile: string
  readonly deleteEnabled: boolean
  readonly process: RunningProcess
  /** A TCP connection to it, nothing sent yet. */
  rawConnect(): Promise<Socket>
  /** Stops it; the store stays. */
  stop(): Promise<Ending>
  /** Stops it and removes every folder that was made for it (never a `root` that the caller named). */
  remove(): Promise<void>
}

export interface TargetOptions {
  /** An existing store; without it a fresh folder is made. */
  readonly root?: string
  readonly port?: number
  /** `storage.delete.enabled`, on unless said otherwise. */
  readonly deletes?: boolean
  /** Further top-level keys of the configuration file; each replaces ours of that name. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Further keys of `http`, beside `addr`. */
  readonly http?: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string>>
}

const CORE_BINARY = fileURLToPath(new URL('../../../registry-core/bin/registry-core.js', import.meta.url))

/** The Node that the workspace pins: the one that runs the tests. */
const NODE = process.execPath

/** Our registry-core, listening on a TCP port of 127.0.0.1. */
export async function startCore(options: TargetOptions = {}): Promise<Target> {
  return start('registry-core', NODE, [CORE_BINARY, 'serve'], options)
}

/** Debian's docker-registry (CNCF Distribution 2.8.2), the peer. */
export async function startDockerRegistry(options: TargetOptions = {}): Promise<Target> {
  const program = findProgram('docker-registry')
  if (program === undefined) throw new Error('docker-registry missing: apt-get install docker-registry')
  return start('docker-registry', program, ['serve'], options)
}

async function start(
  name: TargetName,
  program: string,
  args: readonly string[],
  options: TargetOptions,
): Promise<Target> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const root = options.root ?? path.join(folder, 'store')
  const port = options.port ?? (await freePort())
  const deletes = options.deletes ?? true
  const configFile = path.join(folder, 'config.yml')
  writeFileSync(configFile, configuration(root, port, deletes, options))
  const running = await startProcess(program, [...args, configFile], {
    environment: options.environment ?? {},
  })
  try {
    await untilListening({ port }, running)
  } catch (error) {
    await running.stop()
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return {
    name,
    baseUrl: `${options.http?.['tls'] === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    root,
    configFile,
    deleteEnabled: deletes,
    process: running,
    rawConnect: () => connectTo({ port }),
    stop: () => running.stop(),
    async remove() {
      await running.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** registry:2's configuration file, as JSON, which is YAML. */
function configuration(
  root: string,
  port: number,
  deletes: boolean,
  { config: further = {}, http = {} }: Pick<TargetOptions, 'config' | 'http'>,
): string {
  const config = {
    version: '0.1',
    log: { level: 'info', formatter: 'json' },
    storage: { filesystem: { rootdirectory: root }, delete: { enabled: deletes } },
    http: { addr: `127.0.0.1:${port}`, ...http },
    ...further,
  }
  return JSON.stringify(config, undefined, 2)
}
