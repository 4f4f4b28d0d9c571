import { readFileSync } from 'node:fs'
import path from 'node:path'

import { eventually } from '../support/eventually.js'
import { type Ending, freePort, type RunningProcess, startProcess } from '../support/processes.js'
import { type Answer, expectStatus, RegistryClient } from '../support/registry-client.js'
import { type BoxProcess, endedOf, processesOf } from './box-processes.js'

const ROOT = path.join(import.meta.dirname, '../../..')
const PROGRAM = path.join(ROOT, 'control-plane/dist/box/main.js')

/** The name under which clients with a network of their own know the box, and that network's way to it. */
export const BOX_NAME = 'registry.test'
export const MACHINE = '10.0.2.2'

/** A first start makes a database; on a machine with other work to do. */
const START_MS = 90_000
/** Transfers may end for half a minute. */
const STOP_MS = 60_000

const PORTS = {
  registry: 'ENTREPOT_REGISTRY_PORT',
  mirror: 'ENTREPOT_MIRROR_PORT',
  tls: 'ENTREPOT_TLS_PORT',
  mirrorTls: 'ENTREPOT_MIRROR_TLS_PORT',
  admin: 'ENTREPOT_ADMIN_PORT',
} as const

type Ports = Readonly<Record<keyof typeof PORTS, number>>

export interface Login {
  readonly name: string
  readonly password: string
}

/** What the first start says, and nobody again. */
interface Secrets {
  readonly token: string
  readonly account: Login
}

/** The parts that are kept running, by what their processes are called. */
const PARTS = {
  postgres: /^\S*\/bin\/postgres -D /,
  'registry-core': /registry-core\.js serve /,
  'control plane': /control-plane\/dist\/main\.js/,
  nginx: /^nginx: master process /,
} as const

export type PartName = keyof typeof PARTS

/** The box of `npm start`, as a child, on ports and a folder of its own; it may be stopped, killed and started again. */
export class RunningBox {
  readonly data: string
  readonly ports: Ports
  /** What it is started with, beyond this process's own. */
  readonly environment: Readonly<Record<string, string>>
  #process: RunningProcess
  #secrets: Secrets | undefined
  #trusted = ''

  private constructor(
    data: string,
    ports: Ports,
    first: RunningProcess,
    environment: Record<string, string>,
  ) {
    this.data = data
    this.ports = ports
    this.#process = first
    this.environment = environment
  }

  /** Starts it for the first time; `given` are the ports of one whose place it takes. */
  static async open(...how: Parameters<typeof RunningBox.begin>): Promise<RunningBox> {
    const box = await RunningBox.begin(...how)
    await box.#untilAnnounced()
    box.#secrets = secretsIn(box.log())
    return box
  }

  /** The same; nobody waits until it serves. */
  static async begin(
    data: string,
    further: Readonly<Record<string, string>> = {},
    given?: Ports,
  ): Promise<RunningBox> {
    const names = Object.keys(PORTS) as (keyof Ports)[]
    const entries = await Promise.all(
      names.map(async (name) => [name, given?.[name] ?? (await freePort())] as const),
    )
    const ports = Object.fromEntries(entries) as Ports
    const environment = {
      ENTREPOT_DATA: data,
      ENTREPOT_NAMES: `${BOX_NAME},${MACHINE}`,
      ...Object.fromEntries(entries.map(([name, port]) => [PORTS[name], String(port)])),
      ...further,
    }
    return new RunningBox(data, ports, await startWith(environment), environment)
  }

  /** Starts it again on what is there, and answers how long that took until it said that it serves. */
  async start(): Promise<number> {
    const from = performance.now()
    this.#process = await startWith(this.environment)
    await this.#untilAnnounced()
    return performance.now() - from
  }

  /** Another start on the same folder, to its end; nobody waits for an announcement. */
  async startBeside(): Promise<{ readonly code: number | null; readonly said: string }> {
    const beside = await startWith(this.environment)
    const { code } = await beside.ended
    return { code, said: beside.log() }
  }

  /** SIGTERM; throws when it leaves somebody running. */
  async stop(): Promise<Ending> {
    const ending = await this.#process.stop(STOP_MS)
    const left = processesOf(this.data)
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    if (left.length > 0)
      throw new Error(`left running: ${left.map(({ command }) => command).join('; ')}\n${this.log()}`)
    return ending
  }

  /** As Ctrl-C does it; `ended` says what came of it. */
  interrupt(): void {
    this.#process.signal('SIGINT')
  }

  ended(): Promise<Ending> {
    return this.#process.ended
  }

  /** kill -9 of what `npm start` runs, and of nothing else. */
  async kill(): Promise<void> {
    this.#process.signal('SIGKILL')
    await this.#process.ended
  }

  /** Reads no more of what it says; answers what reads on. */
  stopReading(): () => void {
    return this.#process.stopReading()
  }

  /** All that was said since the last start. */
  log(): string {
    return this.#process.log()
  }

  /** Who belongs to it now. */
  processes(): readonly BoxProcess[] {
    return processesOf(this.data)
  }

  runs(part: PartName): boolean {
    return this.processes().some(({ command }) => PARTS[part].test(command))
  }

  /** Throws when it does not run. */
  pidOf(part: PartName): number {
    const first = this.processes().find(({ command }) => PARTS[part].test(command))
    if (first === undefined) throw new Error(`${part} does not run:\n${this.log()}`)
    return first.pid
  }

  /** Sends a part a signal; after SIGKILL it waits until the process is gone. */
  async signal(part: PartName, name: NodeJS.Signals): Promise<number> {
    const pid = this.pidOf(part)
    process.kill(pid, name)
    if (name === 'SIGKILL') await eventually(`${part}, ${pid}, is gone`, () => endedOf(pid))
    return pid
  }

  get caFile(): string {
    return path.join(this.data, 'certificates/ca.pem')
  }

  /** Where the content is. */
  get store(): string {
    return path.join(this.data, 'store')
  }

  get account(): Login {
    return this.#made.account
  }

  /** Of the first admin, who may do everything. */
  get token(): string {
    return this.#made.token
  }

  /** What `npm start` runs; all else descends from it. */
  get pid(): number {
    return this.#process.pid
  }

  get #made(): Secrets {
    if (this.#secrets === undefined) throw new Error('the first start has not told its secrets')
    return this.#secrets
  }

  /** Another authority, PEM, that its clients have besides the box's own. */
  trust(pem: string): void {
    this.#trusted += pem
  }

  /** By TLS, on the port of registry or mirror. */
  client(
    port: 'tls' | 'mirrorTls' | 'admin',
    login?: Login,
    further: Readonly<Record<string, string>> = {},
  ): RegistryClient {
    const headers = { ...further, ...(login && { authorization: basicOf(login) }) }
    const tls = { ca: Buffer.concat([readFileSync(this.caFile), Buffer.from(this.#trusted)]) }
    return new RegistryClient(`https://127.0.0.1:${this.ports[port]}`, { headers, tls })
  }

  /** One call of the admin API; the caller judges. */
  async ask(
    method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    target: string,
    body?: object,
  ): Promise<Answer> {
    const client = this.client('admin')
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' }
    try {
      return await client.send({
        ...{ method, target: `/api/v1/${target}`, headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    } finally {
      await client.close()
    }
  }

  /** The same; throws unless it was done. */
  async change(...call: Parameters<RunningBox['ask']>): Promise<unknown> {
    const answer = expectStatus(await this.ask(...call), 200, 201, 204)
    return answer.status === 204 ? undefined : answer.json()
  }

  /** Makes an account by the API. */
  async addAccount(name: string, ...rights: readonly object[]): Promise<Login> {
    const { password } = (await this.change('POST', 'accounts', { name, rights })) as { password: string }
    return { name, password }
  }

  async #untilAnnounced(): Promise<void> {
    let ending: Ending | undefined
    void this.#process.ended.then((how) => {
      ending = how
    })
    await eventually(
      'the box says that it serves',
      () => {
        if (ending) throw new Error(`it ended (${JSON.stringify(ending)}) before it served:\n${this.log()}`)
        return /^ {2}stop {7}/m.test(this.log())
      },
      { deadlineMs: START_MS },
    )
  }
}

function startWith(environment: Readonly<Record<string, string>>): Promise<RunningProcess> {
  return startProcess(process.execPath, [PROGRAM], { cwd: ROOT, environment })
}

function secretsIn(said: string): Secrets {
  const [, token] = /^ {2}token {6}(\S+) /m.exec(said) ?? []
  const [, name, password] = /^ {2}account {4}(\S+) {2}password (\S+) /m.exec(said) ?? []
  if (token === undefined || name === undefined || password === undefined)
    throw new Error(`the first start tells no secrets:\n${said}`)
  return { token, account: { name, password } }
}

function basicOf({ name, password }: Login): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}
