import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '#control/system/clock.js'

/** What every stand-in does: writes down that it began and ended, with its environment. */
const COMMON = `
const fs = require('node:fs'), http = require('node:http'), path = require('node:path')
function begin(name, data, run) {
  const note = (event) => fs.appendFileSync(data + '/events', event + ' ' + process.pid + ' ' + name + '\\n')
  fs.writeFileSync(data + '/environment of ' + name, JSON.stringify(process.env))
  note('begin')
  if (process.env.STAND_IN_BROKEN === name) process.exit(7)
  const end = () => { if (!fs.existsSync(data + '/stubborn ' + name)) { note('end'); process.exit(0) } }
  process.on('SIGTERM', end); process.on('SIGQUIT', end)
  setTimeout(run, process.env.STAND_IN_SLOW === name ? 1500 : 0)
}
function listen(socket) {
  fs.rmSync(socket, { force: true })
  http.createServer((request, response) => response.end('{}')).listen(socket)
}
`
const CORE = `${COMMON}
const run = path.join(process.env.ENTREPOT_DATA, 'run')
begin('core', process.env.ENTREPOT_DATA, () => listen(run + '/core.sock'))
`
const CONTROL = `${COMMON}
const data = process.env.ENTREPOT_DATA
begin('control plane', data, () => {
  const isFirst = !fs.existsSync(data + '/config/current')
  if (isFirst) {
    fs.mkdirSync(data + '/config/generations/1', { recursive: true })
    for (const name of ['nginx.conf', 'registry.yml']) fs.writeFileSync(data + '/config/generations/1/' + name, '')
    for (const link of ['current', 'applied']) fs.symlinkSync('generations/1', data + '/config/' + link)
    process.send({ kind: 'first-start', adminToken: 'the-admin-token', account: { name: 'push', password: 'the-password' } })
  }
  process.send({ kind: 'configured' })
  listen(data + '/run/api.sock')
})
`
const NGINX = `#!/usr/bin/env node
${COMMON}
const prefix = process.argv[process.argv.indexOf('-p') + 1]
if (process.argv.includes('-v')) console.error('nginx version: nginx/1.22.1')
else begin('nginx', path.dirname(prefix), () => {
  process.title = 'nginx: master process'
  fs.openSync(prefix + '/logs/error.log', 'a')
  fs.writeFileSync(prefix + '/nginx.pid', String(process.pid)); setInterval(() => {}, 1000) })
`
const FILES = {
  'registry-core/bin/registry-core.js': CORE,
  'control-plane/dist/main.js': CONTROL,
  'bin/nginx': NGINX,
}

const BUILT = path.join(import.meta.dirname, '..', '..', '..', 'dist')

/** How a process ended. */
interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A folder in which the real box runs with parts that only stand in. */
export class BoxStage {
  readonly data: string
  readonly #root: string
  readonly #ports: readonly number[]
  readonly #boxes: StartedBox[] = []

  private constructor(ports: readonly number[]) {
    this.#ports = ports
    this.#root = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
    this.data = path.join(this.#root, 'data')
    for (const [name, text] of Object.entries(FILES)) {
      fs.mkdirSync(path.dirname(path.join(this.#root, name)), { recursive: true })
      fs.writeFileSync(path.join(this.#root, name), text, { mode: 0o755 })
    }
    this.upgrade('0.0.0')
  }

  /** As another release on the same data. */
  upgrade(version: string): void {
    fs.writeFileSync(path.join(this.#root, 'package.json'), JSON.stringify({ version }))
  }

  static async open(): Promise<BoxStage> {
    return new BoxStage(await Promise.all(Array.from({ length: 5 }, freePort)))
  }

  /** `npm start` without npm. */
  async start(environment: NodeJS.ProcessEnv = {}): Promise<StartedBox> {
    const [registry, mirror, tls, mirrorTls, admin] = this.#ports.map(String)
    const box = new StartedBox(
      spawn(process.execPath, ['--input-type=module', '-e', programOf(this.#root)], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: [path.join(this.#root, 'bin'), path.dirname(process.execPath), process.env['PATH']].join(':'),
          ENTREPOT_DATA: this.data,
          ENTREPOT_REGISTRY_PORT: registry,
          ENTREPOT_MIRROR_PORT: mirror,
          ENTREPOT_TLS_PORT: tls,
          ENTREPOT_MIRROR_TLS_PORT: mirrorTls,
          ENTREPOT_ADMIN_PORT: admin,
          DATABASE_URL: 'postgres://stand-in/none',
          ...environment,
        },
      }),
    )
    this.#boxes.push(box)
    return box
  }

  async close(): Promise<void> {
    for (const box of this.#boxes) box.signal('SIGKILL')
    await Promise.all(this.#boxes.map(({ ended }) => ended))
    for (const pid of this.#events('begin').map(([, id]) => Number(id)))
      if (this.isAlive(pid)) process.kill(pid, 'SIGKILL')
    fs.rmSync(this.#root, { recursive: true, force: true })
  }

  /** The parts in the order in which they began. */
  begun(): string[] {
    return this.#events('begin').map(([, , name = '']) => name)
  }

  /** Those that ended when they were told to, in their order. */
  ended(): string[] {
    return this.#events('end').map(([, , name = '']) => name)
  }

  makeSoft(part: string): void {
    fs.rmSync(path.join(this.data, `stubborn ${part}`))
  }

  /** As a control plane leaves it that is killed between the swap and the proof. */
  leaveUnprovedChange(): void {
    const below = (name: string): string => path.join(this.data, 'config', name)
    fs.cpSync(below('generations/1'), below('generations/2'), { recursive: true })
    fs.rmSync(below('current'))
    fs.symlinkSync('generations/2', below('current'))
  }

  /** Where the configuration in force lies. */
  inForce(): string {
    return fs.readlinkSync(path.join(this.data, 'config', 'current'))
  }

  /** A part that ends for SIGKILL only. */
  makeStubborn(part: string): void {
    fs.writeFileSync(path.join(this.data, `stubborn ${part}`), '')
  }

  /** Of the last one that began. */
  pidOf(part: string): number {
    return Number(this.#events('begin').findLast(([, , name]) => name === part)?.[1])
  }

  isAlive(pid: number): boolean {
    try {
      return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }

  environmentOf(part: string): Readonly<Record<string, string>> {
    const environment: Record<string, string> = JSON.parse(this.read(`environment of ${part}`))
    return environment
  }

  read(name: string): string {
    return fs.readFileSync(path.join(this.data, name), 'utf8')
  }

  mode(name: string): string {
    return (fs.statSync(path.join(this.data, name)).mode & 0o777).toString(8)
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    await eventually(what, isSo)
  }

  async pass(ms: number): Promise<void> {
    const endMs = systemClock.elapsedMs() + ms
    await eventually('time passes', () => systemClock.elapsedMs() > endMs)
  }

  #events(kind: string): string[][] {
    const file = path.join(this.data, 'events')
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
    const rows = text.split('\n').map((line) => /^(\w+) (\d+) (.*)$/.exec(line)?.slice(1) ?? [])
    return rows.filter(([event]) => event === kind)
  }
}

/** A box that a test started. */
class StartedBox {
  readonly ended: Promise<Ending>
  readonly #child: ChildProcess
  #log = ''

  constructor(child: ChildProcess) {
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#log += chunk.toString()
      })
    }
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  log(): string {
    return this.#log
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async stop(): Promise<Ending> {
    this.signal('SIGTERM')
    return this.ended
  }

  async untilAnnounced(): Promise<void> {
    await eventually(
      () => `the box runs:\n${this.#log}`,
      () => /^Entrepot 0\.0\.\d, process \d+, runs:$/m.test(this.#log) && this.#log.includes('  stop '),
    )
  }

  async stopWhenAnnounced(): Promise<void> {
    await this.untilAnnounced()
    await this.stop()
  }
}

async function eventually(what: string | (() => string), isSo: () => boolean): Promise<void> {
  const deadlineMs = systemClock.elapsedMs() + 30_000
  while (!isSo()) {
    if (systemClock.elapsedMs() > deadlineMs)
      throw new Error(`${typeof what === 'string' ? what : what()}: not within 30 s`)
    await systemClock.sleep(20)
  }
}

/** What main.ts does, for another root. */
function programOf(root: string): string {
  const url = (name: string): string => pathToFileURL(path.join(BUILT, name)).href
  return `
    const { runBox } = await import('${url('box/run-box.js')}')
    const { systemClock } = await import('${url('system/clock.js')}')
    const { systemRandom } = await import('${url('system/random.js')}')
    const say = (text, gone) => process.stdout.write(text + '\\n', gone)
    const options = { environment: process.env, root: '${root}', clock: systemClock, random: systemRandom, say }
    runBox(options).then((code) => process.exit(code), (error) => {
      console.error('Entrepot does not start: ' + error.message)
      process.exit(1)
    })`
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
