// npm start: one registry-core on this machine, from the ENTREPOT_* variables. `prestart` installed and built it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeOwner } from './port-owner.ts'
import {
  authority,
  readStartSettings,
  StartRefused,
  type StartSettings,
  UPSTREAMS,
  writeConfiguration,
} from './start-settings.ts'

const ROOT = path.join(import.meta.dirname, '..')
const CORE = path.join(ROOT, 'registry-core', 'bin', 'registry-core.js')
/** A terminal sends Ctrl-C to npm and to us, and npm sends it to us once more: within this time it is one. */
const ONE_CTRL_C_MS = 500
const POLL_MS = 50
const PARENT_POLL_MS = 1000
const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Taken ports are said here, in words, all of them at once: the core would only know that it cannot listen. */
async function requireFreePorts({ bind, port, mirrorPort }: StartSettings): Promise<void> {
  const refusals: string[] = []
  let free = Math.max(port, mirrorPort)
  for (const [variable, wanted] of [
    ['ENTREPOT_REGISTRY_PORT', port],
    ['ENTREPOT_MIRROR_PORT', mirrorPort],
  ] as const) {
    const code = await listeningError({ host: bind, port: wanted })
    if (code === undefined) continue
    if (code === 'EADDRNOTAVAIL')
      throw new StartRefused(`ENTREPOT_HTTP_BIND is ${bind}: this machine has no such address`)
    free += 1
    refusals.push(
      code === 'EACCES'
        ? `this user may not open port ${wanted}: choose one above 1023 with ${variable}`
        : `port ${wanted} is taken by ${describeOwner(wanted)}: stop it, or choose another: ${variable}=${free} npm start`,
    )
  }
  if (refusals.length > 0) throw new StartRefused(refusals.join('; '))
}

/** Undefined: nobody listens there, and we may. */
async function listeningError(address: { host: string; port: number }): Promise<string | undefined> {
  const server = net.createServer()
  server.listen({ ...address, exclusive: true })
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') return code
    throw error
  }
  server.close()
  await once(server, 'close')
  return undefined
}

function startCore(configuration: string): ChildProcess {
  const guard = path.join(import.meta.dirname, 'end-with-parent.ts')
  return spawn(process.execPath, ['--enable-source-maps', '--import', guard, CORE, 'serve', configuration], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // What somebody set for a registry:2 of his own must not change this one: it says in five lines what it does.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('REGISTRY_'))),
    detached: true, // Ctrl-C in a terminal reaches a whole process group; the core hears of it from us only, once
  })
}

/** First signal: drain. A second one, later: end at once (the store survives that). */
function stopWhenAsked(core: ChildProcess): void {
  let firstAt: number | undefined
  function stop(): void {
    const now = performance.now()
    if (firstAt === undefined) {
      firstAt = now
      say('Stopping: running transfers may end; Ctrl-C again ends them.')
      core.kill('SIGTERM')
    } else if (now - firstAt > ONE_CTRL_C_MS) {
      core.kill('SIGKILL')
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  // npm that was killed passes nothing on: a registry that nobody can stop any more would keep the port.
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    stop()
  }, PARENT_POLL_MS)
  watch.unref()
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) })).ok
  } catch {
    return false
  }
}

function announce({ data, bind, port, mirrorPort }: StartSettings, configuration: string, pid: number): void {
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    version: string
  }
  const loopback = /^(127\.|::1$)/.test(bind)
  const host = ANY_ADDRESS[bind] ?? bind
  const address = authority({ bind: host, port })
  const mirror = authority({ bind: host, port: mirrorPort })
  const who = loopback ? 'everybody on this machine' : `everybody who reaches ${bind}`
  const lines = [
    `Entrepot ${version}, process ${pid}: a registry on http://${address}; ${who} may push, pull and delete`,
    `  content   ${data}`,
    `  settings  ${configuration} (made from ENTREPOT_* at each start)`,
    `  try       docker tag busybox ${address}/busybox && docker push ${address}/busybox`,
    `  mirror    http://${mirror} of ${UPSTREAMS.join(', ')}; everybody there may pull`,
    `  try       docker pull ${mirror}/library/busybox; docker pull ${address}/quay.io/prometheus/busybox`,
    `  docker    "registry-mirrors": ["http://${mirror}"] in /etc/docker/daemon.json: docker pull busybox comes from here`,
    '  stop      Ctrl-C: running transfers may end; a second one ends at once',
  ]
  say(lines.join('\n')) // in one piece: the core writes its log to the same place
}

async function main(): Promise<number> {
  const settings = readStartSettings(process.env)
  for (const name of settings.unknown)
    say(`${name} means nothing to npm start: see docs/reference/settings.md`)
  await requireFreePorts(settings)
  const configuration = writeConfiguration(settings)
  const core = startCore(configuration)
  const exit = once(core, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  stopWhenAsked(core)
  const { bind, mirrorPort } = settings
  const last = `http://${authority({ bind: ANY_ADDRESS[bind] ?? bind, port: mirrorPort })}` // listens when all do
  while (core.exitCode === null && core.signalCode === null) {
    if (await isReady(last)) {
      announce(settings, configuration, core.pid ?? 0)
      break
    }
    await Promise.race([exit, sleep(POLL_MS)])
  }
  const [code, signal] = await exit
  if (code === null) say(`registry-core was ended by ${signal}; what it acknowledged is stored.`)
  return code ?? 1
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof StartRefused)) throw error
  process.stderr.write(`Entrepot does not start: ${error.message}\n`)
  process.exitCode = 1
}
