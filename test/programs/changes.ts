/**
 * Changes of the configuration, one after the other, while clients pull, push and download slowly over TLS and without:
 * nine of ten are the core's alone (an account more, an account less), the tenth reloads nginx at the pace of the box.
 * usage: changes.js [--changes N]; prints one line of JSON.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { applyGeneration } from '#control/front/applying/apply-generation.js'
import { countDraining } from '#control/front/applying/draining.js'
import { openReloadPace } from '#control/front/applying/reload-pace.js'
import { systemClock as clock } from '#control/system/clock.js'
import { makeBox, type Wanted } from '../front/applied-box.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { RegistryClient } from '../support/registry-client.js'

const { values } = parseArgs({ options: { changes: { type: 'string', default: '20' } } })
const CHANGES = Number(values.changes)
const MIB = 1024 * 1024
const HASH = `$2b$10$${'a'.repeat(53)}`
/** A slow client reads a piece, and looks away for so long. */
const PAUSE_MS = 200

const [program] = await nginxPrograms()
if (program === undefined) throw new Error('nginx missing: apt-get install nginx-light')
const box = await makeBox(program)
const counts = { pulls: 0, pushes: 0, slow: 0 }
const failed: string[] = []
let isRunning = true

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

const ca = readFileSync(box.certificates.caFile)
const close = { connection: 'close' }

function newClient(isTls: boolean): RegistryClient {
  if (!isTls) return new RegistryClient(`http://127.0.0.1:${box.ports.local}`, { headers: close })
  return new RegistryClient(`https://127.0.0.1:${box.ports.tls}`, { headers: close, tls: { ca } })
}

async function again(
  kind: keyof typeof counts,
  once: (client: RegistryClient) => Promise<string | undefined>,
) {
  const isTls = kind === 'pulls' && counts.pulls % 2 === 0
  const client = newClient(isTls)
  while (isRunning) {
    try {
      const wrong = await once(client)
      if (wrong !== undefined) failed.push(`${kind}: ${wrong}`)
      counts[kind] += 1
    } catch (error) {
      const cause = Error.isError(error) && Error.isError(error.cause) ? error.cause.message : ''
      failed.push(`${kind}: ${String(error)} ${cause}`)
    }
  }
  await client.close()
}

const small = randomBytes(MIB)
const large = randomBytes(16 * MIB)

async function push(client: RegistryClient, bytes: Uint8Array): Promise<string | undefined> {
  const { status } = await client.post(`/v2/a/blobs/uploads/?digest=${digestOf(bytes)}`, bytes)
  return status === 201 ? undefined : String(status)
}

async function pull(client: RegistryClient): Promise<string | undefined> {
  const { status, body } = await client.get(`/v2/a/blobs/${digestOf(small)}`)
  if (status !== 200) return String(status)
  return small.equals(body) ? undefined : 'other bytes'
}

async function pullSlowly(): Promise<string | undefined> {
  const target = `http://127.0.0.1:${box.ports.local}/v2/a/blobs/${digestOf(large)}`
  const response = await fetch(target, { headers: close })
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const piece of response.body ?? []) {
    hash.update(piece)
    sizeBytes += piece.length
    if (isRunning && sizeBytes % (4 * 65_536) < piece.length) await sleep(PAUSE_MS)
  }
  return `sha256:${hash.digest('hex')}` === digestOf(large) ? undefined : `cut after ${sizeBytes} bytes`
}

function wantedOf(change: number): Wanted {
  const names = Array.from({ length: change % 10 }, (_, at) => `ci-${change}-${at}`)
  const accounts = names.map((name) => ({ name, secretHash: HASH }))
  return {
    front: { maxUploadSize: `${1000 + Math.floor(change / 10)}m` },
    registry: { access: { accounts } },
  }
}

const outcomes: Record<string, number> = {}
const took: number[] = []
try {
  await box.apply('start')
  await box.start()
  const first = newClient(false)
  for (const bytes of [small, large]) await push(first, bytes)
  await first.close()
  const clients = [
    again('pulls', pull),
    again('pulls', pull),
    again('pushes', (client) => push(client, randomBytes(MIB))),
    again('slow', pullSlowly),
    again('slow', pullSlowly),
  ]
  const pace = openReloadPace({ clock, countDraining: () => countDraining(box.places.prefix) })
  const { places, programs } = box
  for (let change = 1; change <= CHANGES; change++) {
    const startedMs = performance.now()
    const candidate = box.candidate(`change-${change}`, wantedOf(change))
    const applied = await applyGeneration(candidate, { places, programs, clock, pace })
    took.push(performance.now() - startedMs)
    outcomes[applied.outcome] = (outcomes[applied.outcome] ?? 0) + 1
    if (applied.outcome === 'refused') failed.push(`change ${change}: ${applied.stage}: ${applied.reason}`)
  }
  isRunning = false
  await Promise.all(clients)
} finally {
  isRunning = false
  await box.stop()
}

const sorted = took.toSorted((one, other) => one - other)
const [p50 = 0, p99 = 0] = [0.5, 0.99].map((part) =>
  Math.round(sorted[Math.floor(sorted.length * part)] ?? 0),
)
process.stdout.write(
  `${JSON.stringify({ changes: CHANGES, ...outcomes, ...counts, p50, p99, failed: failed.slice(0, 10) })}\n`,
)
