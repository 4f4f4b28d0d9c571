import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from '@jest/globals'

import { type Applied, applyGeneration, type Candidate } from '#control/front/applying/apply-generation.js'
import { type ApplyPrograms, nginxCommand } from '#control/front/applying/apply-script.js'
import { probesOf, runningGeneration } from '#control/front/applying/ask-nginx.js'
import { type ApplyPlaces, generationFolder } from '#control/front/applying/apply-places.js'
import { systemClock } from '#control/system/clock.js'
import { type FrontSettings, renderFront } from '#front/render.js'
import { type RegistrySettings, renderRegistry } from '#front/registry-yaml.js'

import { type Certificates, makeCertificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import type { NginxProgram } from '../support/nginx-programs.js'
import { freePort, type RunningProcess, startProcess, untilListening } from '../support/processes.js'

const CORE = fileURLToPath(new URL('../../../registry-core/bin/registry-core.js', import.meta.url))

/** What a change asks for. */
export interface Wanted {
  readonly front?: Partial<FrontSettings>
  readonly registry?: Partial<RegistrySettings>
}

/** nginx and the core on generations of one configuration, as the box runs them. */
export interface AppliedBox {
  readonly folder: string
  readonly places: ApplyPlaces
  readonly programs: ApplyPrograms
  readonly certificates: Certificates
  readonly ports: Readonly<Record<'local' | 'mirror' | 'tls' | 'mirrorTls' | 'admin' | 'authority', number>>
  candidate(id: string, wanted?: Wanted): Candidate
  apply(id: string, wanted?: Wanted, programs?: ApplyPrograms): Promise<Applied>
  /** What nginx says that it runs. */
  running(): Promise<string | undefined>
  startCore(): Promise<RunningProcess>
  startNginx(): Promise<RunningProcess>
  /** Both, once the first generation is there. */
  start(): Promise<void>
  readonly nginx: RunningProcess
  readonly core: RunningProcess
  stop(): Promise<void>
}

/** A box that serves its first generation, for the tests of one `describe`. */
export function useAppliedBox(program: NginxProgram | undefined): () => AppliedBox {
  let box: AppliedBox | undefined
  beforeAll(async () => {
    if (program === undefined) throw new Error('nginx missing: apt-get install nginx-light')
    box = await makeBox(program)
    await box.apply('first')
    await box.start()
  })
  afterAll(() => box?.stop())
  return () => {
    if (!box) throw new Error('the box is not there yet')
    return box
  }
}

/** A box on free ports, in a folder of its own; nothing runs in it yet. */
export async function makeBox({ version, command: [file, ...args] }: NginxProgram): Promise<AppliedBox> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  chmodSync(folder, 0o755)
  for (const name of ['run', 'config/generations', 'nginx', 'store', 'bin'])
    mkdirSync(path.join(folder, name), { recursive: true })
  const at = (name: string): string => path.join(folder, name)
  writeFileSync(at('bin/nginx'), `#!/bin/sh\nexec ${[file, ...args].join(' ')} "$@"\n`, { mode: 0o755 })
  const certificates = await makeCertificates(folder)
  const ports = {
    local: await freePort(),
    mirror: await freePort(),
    tls: await freePort(),
    mirrorTls: await freePort(),
    admin: await freePort(),
    authority: await freePort(),
  }
  const places: ApplyPlaces = {
    config: at('config'),
    prefix: at('nginx'),
    generationSocket: at('run/front.sock'),
    controlSocket: at('run/control.sock'),
  }
  const programs: ApplyPrograms = { nginx: at('bin/nginx'), registryCore: CORE }
  const settings: Omit<FrontSettings, 'generation'> = {
    prefix: places.prefix,
    nginxVersion: version,
    coreSocket: at('run/core.sock'),
    storeRoot: at('store'),
    workers: 2,
    connectionsPerWorker: 512,
    authority: readFileSync(certificates.caFile, 'utf8'),
    ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    listeners: listenersOf(ports, certificates, at),
  }
  const registry: RegistrySettings = {
    storeRoot: at('store'),
    deletes: true,
    sockets: [
      { socket: at('run/core.sock'), anonymous: 'pull' },
      { socket: at('run/core-local.sock'), anonymous: 'push' },
    ],
    internalSocket: places.controlSocket,
  }
  return new Box({ folder, places, programs, certificates, ports, settings, registry })
}

function listenersOf(
  ports: AppliedBox['ports'],
  { certificate, key }: Certificates,
  at: (name: string) => string,
): FrontSettings['listeners'] {
  const address = '127.0.0.1'
  const pair = { address, certificate, key }
  return [
    { kind: 'http', address, port: ports.local, coreSocket: at('run/core-local.sock') },
    { kind: 'http', address, port: ports.mirror, view: 'mirror' },
    { kind: 'tls', ...pair, port: ports.tls },
    { kind: 'tls', ...pair, port: ports.mirrorTls, view: 'mirror' },
    { kind: 'admin', ...pair, port: ports.admin, apiSocket: at('run/api.sock') },
    { kind: 'authority', address, port: ports.authority },
  ]
}

interface BoxOptions extends Pick<AppliedBox, 'folder' | 'places' | 'programs' | 'certificates' | 'ports'> {
  readonly settings: Omit<FrontSettings, 'generation'>
  readonly registry: RegistrySettings
}

class Box implements AppliedBox {
  readonly folder: string
  readonly places: ApplyPlaces
  readonly programs: ApplyPrograms
  readonly certificates: Certificates
  readonly ports: AppliedBox['ports']
  readonly #options: BoxOptions
  #core: RunningProcess | undefined
  #nginx: RunningProcess | undefined

  constructor(options: BoxOptions) {
    this.folder = options.folder
    this.places = options.places
    this.programs = options.programs
    this.certificates = options.certificates
    this.ports = options.ports
    this.#options = options
  }

  candidate(id: string, { front = {}, registry = {} }: Wanted = {}): Candidate {
    const generation = {
      folder: generationFolder(this.places, id),
      socket: this.places.generationSocket,
    }
    const settings = { ...this.#options.settings, ...front, generation }
    return {
      id,
      files: [...renderFront(settings), renderRegistry({ ...this.#options.registry, ...registry })],
      probes: probesOf(settings),
    }
  }

  apply(id: string, wanted: Wanted = {}, programs: ApplyPrograms = {}): Promise<Applied> {
    return applyGeneration(this.candidate(id, wanted), {
      places: this.places,
      programs: { ...this.programs, ...programs },
      clock: systemClock,
    })
  }

  running(): Promise<string | undefined> {
    return runningGeneration(this.places.generationSocket, AbortSignal.timeout(5000))
  }

  async start(): Promise<void> {
    await this.startCore()
    await this.startNginx()
  }

  async startCore(): Promise<RunningProcess> {
    const configuration = path.join(this.places.config, 'current/registry.yml')
    this.#core = await startProcess(process.execPath, [CORE, 'serve', configuration])
    await untilListening({ socket: this.places.controlSocket }, this.#core)
    return this.#core
  }

  async startNginx(): Promise<RunningProcess> {
    const { command, environment } = nginxCommand(this.places, this.programs)
    const [file, ...args] = command
    const nginx = await startProcess(file, args, { environment })
    this.#nginx = nginx
    await eventually('nginx serves', async () => {
      if (nginx.log() !== '') throw new Error(nginx.log())
      return (await this.running()) !== undefined
    })
    return nginx
  }

  get core(): RunningProcess {
    if (!this.#core) throw new Error('the core does not run yet')
    return this.#core
  }

  get nginx(): RunningProcess {
    if (!this.#nginx) throw new Error('nginx does not run yet')
    return this.#nginx
  }

  async stop(): Promise<void> {
    await this.#nginx?.stop()
    await this.#core?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
