// The stress test: client processes against one or two registry processes on one volume. Orders as JSON in the only
// argument, the outcome as one line of JSON on stdout. What is checked: every tag, and every digest of a repository,
// is a linearizable register; whatever can be pulled is whole; Distribution's collector would delete nothing of it.
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { forecastCollection } from '../support/distribution.js'
import { runToEnd } from '../support/processes.js'
import { startCore, type Target } from '../support/targets.js'
import { chanceFrom } from './stress/chance.js'
import { type ClientOrders, type ClientReport, type Entry, nowMs } from './stress/history.js'
import type { StressOrders, StressOutcome } from './stress/orders.js'
import { checkRegister, type Operation } from './stress/register.js'
import { StressRequests } from './stress/stress-requests.js'

const CLIENT = fileURLToPath(new URL('stress-client.js', import.meta.url))
const REPOSITORIES = ['stress/one', 'stress/two']
const TAGS = ['latest', 'stable', 'edge']
/** How many operations before and after an offender its finding shows. */
const NEARBY = 25
const SHARED_BLOBS = ['oak', 'elm', 'ash', 'yew']

class Stress {
  readonly #orders: StressOrders
  readonly #folder: string
  readonly #chance: () => number
  #cores: Target[] = []
  readonly #findings: string[] = []
  /** Everything that a tag needed at the end. */
  readonly #pulled = new Set<string>()

  constructor(orders: StressOrders, folder: string) {
    this.#orders = orders
    this.#folder = folder
    this.#chance = chanceFrom(orders.seed)
  }

  async run(): Promise<StressOutcome> {
    const { registries, clients, kills, seed } = this.#orders
    try {
      for (let index = 0; index < registries; index += 1) this.#cores.push(await this.#startCore())
      this.#publishRegistries()
      const running = Array.from({ length: clients }, (_, index) => this.#runClient(index))
      const [reports] = await Promise.all([Promise.all(running), this.#kill()])
      const entries = [...this.#readHistory(), ...(await this.#readEveryTag())]
      const registers = Map.groupBy(entries, ({ register }) => register)
      for (const [register, history] of registers) this.#check(register, history)
      const marked = await this.#checkStore()
      const sum = (key: Exclude<keyof ClientReport, 'broken'>): number =>
        reports.reduce((total, report) => total + report[key], 0)
      return {
        ...{ seed, kills, operations: entries.length, registers: registers.size },
        ...{ requests: sum('requests'), pushed: sum('pushed'), mounted: sum('mounted') },
        ...{ deleted: sum('deleted'), pulledWhole: sum('pulledWhole') },
        ...{ brokenConnections: sum('brokenConnections'), markedBlobs: marked },
        findings: [...this.#findings, ...reports.flatMap(({ broken }) => broken), ...this.#complaints()],
      }
    } finally {
      for (const core of this.#cores) await core.remove()
    }
  }

  /** What the registries themselves called errors, and whatever they answered with 5xx. */
  #complaints(): readonly string[] {
    return this.#cores
      .flatMap(({ process: { log } }) => log().split('\n'))
      .filter((line) => line.includes('"level":"error"') || line.includes('"http.response.status":5'))
      .slice(0, 20)
  }

  #startCore(): Promise<Target> {
    return startCore({ root: path.join(this.#folder, 'store') })
  }

  #publishRegistries(registries: readonly Target[] = this.#cores): string {
    const file = path.join(this.#folder, 'registries.json')
    writeFileSync(`${file}.new`, JSON.stringify(registries.map(({ baseUrl }) => baseUrl)))
    renameSync(`${file}.new`, file)
    return file
  }

  #ordersFor(index: number): ClientOrders {
    return {
      seed: this.#orders.seed * 1000 + index,
      registriesFile: path.join(this.#folder, 'registries.json'),
      milliseconds: this.#orders.milliseconds,
      areKilled: this.#orders.kills > 0,
      repositories: REPOSITORIES,
      tags: TAGS,
      sharedBlobs: SHARED_BLOBS,
      historyFile: path.join(this.#folder, `history-${index}.ndjson`),
    }
  }

  async #runClient(index: number): Promise<ClientReport> {
    const { code, stdout, stderr } = await runToEnd(process.execPath, [
      CLIENT,
      JSON.stringify(this.#ordersFor(index)),
    ])
    if (code !== 0) throw new Error(`client ${index} ended with ${code}: ${stderr}`)
    return JSON.parse(stdout) as ClientReport
  }

  async #kill(): Promise<void> {
    const { kills, milliseconds } = this.#orders
    const endMs = nowMs() + milliseconds
    for (let left = kills; left > 0; left -= 1) {
      await wait(Math.max(1, ((endMs - nowMs()) / (left + 1)) * (0.5 + this.#chance())))
      const index = Math.floor(this.#chance() * this.#cores.length)
      const core = this.#cores[index]
      if (core === undefined) return
      core.process.signal('SIGKILL')
      await core.process.ended
      await core.remove()
      this.#cores[index] = await this.#startCore()
      this.#publishRegistries()
    }
  }

  #readHistory(): readonly Entry[] {
    return readdirSync(this.#folder)
      .filter((name) => name.startsWith('history-'))
      .flatMap((name) => readFileSync(path.join(this.#folder, name), 'utf8').split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Entry)
  }

  /** When all is quiet each process says the same of every tag, and what it says is whole. */
  async #readEveryTag(): Promise<readonly Entry[]> {
    const historyFile = path.join(this.#folder, 'last.ndjson')
    for (const core of this.#cores) {
      const requests = new StressRequests(
        { ...this.#ordersFor(0), registriesFile: this.#publishRegistries([core]), historyFile },
        this.#chance,
      )
      for (const repository of REPOSITORIES)
        for (const tag of TAGS) {
          try {
            await requests.pullTag(repository, tag, true)
          } catch (error) {
            this.#findings.push(`${repository}:${tag} at the end: ${String(error)}`)
          }
        }
      requests.writeHistory()
      for (const digest of requests.pulled) this.#pulled.add(digest)
      await requests.close()
    }
    return readFileSync(historyFile, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Entry)
  }

  #check(register: string, history: readonly Entry[]): void {
    const { isLinearizable, offender, meanwhile } = checkRegister(history)
    if (isLinearizable || offender === undefined) return
    const sorted: readonly Operation[] = [...history].sort((a, b) => a.startMs - b.startMs)
    const at = sorted.indexOf(offender)
    const nearby = sorted.slice(Math.max(0, at - NEARBY), at + NEARBY)
    this.#findings.push(
      `${register} is no register: nothing explains ${JSON.stringify(offender)} among ${JSON.stringify(meanwhile)}; nearby: ${nearby.map((one) => JSON.stringify(one)).join('\n')}`,
    )
  }

  /** Nothing that could be pulled at the end would be deleted by Distribution's collector. Answers how many blobs it marks. */
  async #checkStore(): Promise<number> {
    const root = path.join(this.#folder, 'store')
    const { markedBlobs, eligibleBlobs } = await forecastCollection(root)
    for (const digest of eligibleBlobs.filter((one) => this.#pulled.has(one)))
      this.#findings.push(`Distribution's collector would delete ${digest}, which a tag needs`)
    for (const folder of ['tmp', 'uploads']) {
      const left = readdirSync(path.join(root, 'entrepot', folder))
      if (this.#orders.kills === 0 && left.length > 0)
        this.#findings.push(`left in ${folder}: ${left.join(', ')}`)
    }
    return markedBlobs.size
  }
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
try {
  const orders = JSON.parse(process.argv[2] ?? '') as StressOrders
  process.stdout.write(`${JSON.stringify(await new Stress(orders, folder).run())}\n`)
} finally {
  if (process.env['STRESS_KEEP'] === undefined) rmSync(folder, { recursive: true, force: true })
}
