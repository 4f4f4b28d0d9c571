import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'

import { pino } from 'pino'

import { mendAuthority } from '#control/backup/file-swap.js'
import { openControlPlane } from '#control/control-plane.js'
import { CoreImages } from '#control/core/core-images.js'
import { Core } from '#control/core/core.js'
import { Database } from '#control/database/database.js'
import { ensureOwnCertificates, type OwnCertificates } from '#control/front/certificates/own-certificates.js'
import type { Site } from '#control/front/site.js'
import type { RandomProvider } from '#control/system/providers.js'
import type { FirstStart } from '#control/starting.js'
import { systemRandom } from '#control/system/random.js'
import { Sealing } from '#control/system/sealed.js'
import { Traffic } from '#control/traffic/traffic.js'
import { Api, readDocument } from './api.js'
import { MovedClock } from './moved-clock.js'
import { RememberingGenerations } from './remembering-generations.js'

/** The admin token of every stage. */
export const ADMIN_TOKEN = 'environment-token-of-the-tests'

/** A whole control plane on a real database: only the box below it and the core are made by hand. */
export interface ApiStage {
  /** Calls as the admin. */
  readonly api: Api
  readonly base: string
  /** The same over TLS, by a certificate of the box's own authority. */
  readonly tls: { readonly base: string; readonly caFile: string; readonly fingerprint: string }
  readonly box: RememberingGenerations
  readonly clock: MovedClock
  readonly log: readonly string[]
  /** Of its database. */
  readonly url: string
  /** The folder of certificates. */
  readonly certificates: string
  /** Where nginx would log. */
  readonly accessLog: string
  /** What its start has made. */
  readonly first: FirstStart
  /** As at its start: where Postgres has kept it and its answer was lost. */
  startAgain(): Promise<FirstStart>
  /** Somebody has seen what the start has made. */
  shown(): Promise<void>
  close(): Promise<void>
}

export interface StageOptions {
  readonly url: string
  /** Where two control planes are one box's. */
  readonly box?: RememberingGenerations
  /** Another box has another key. */
  readonly key?: number
  /** The folder of certificates, where it outlives the stage; otherwise it has one of its own. */
  readonly certificates?: string
  /** What ENTREPOT_ADMIN_TOKEN says; null for nothing. */
  readonly adminToken?: string | null
}

const CORE_PROGRAM = path.join(import.meta.dirname, '../../../../registry-core/bin/registry-core.js')
/** What is in force for the core: nobody listens where its one upstream is said to be. */
const CORE_CONFIGURATION = `version: 0.1
http: {addr: 127.0.0.1:5000}
storage: {inmemory: {}}
mirrors:
  upstreams:
    - {host: down.example, urls: ['http://127.0.0.1:65533'], allowAddresses: [127.0.0.0/8]}
`

/** Opens one on this database, started, listening on a free port. */
export async function openApiStage({
  url,
  box: given,
  key = 7,
  certificates,
  adminToken = ADMIN_TOKEN,
}: StageOptions): Promise<ApiStage> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const core = await listen(coreByHand(), path.join(folder, 'control.sock'))
  const configuration = path.join(folder, 'registry.yml')
  writeFileSync(configuration, CORE_CONFIGURATION)
  const logs = path.join(folder, 'logs')
  mkdirSync(logs)
  const log: string[] = []
  const clock = new MovedClock()
  const random: RandomProvider = systemRandom
  const sealing = new Sealing(Buffer.alloc(32, key), random)
  const box = given ?? new RememberingGenerations(sealing)
  const site = siteIn(certificates ?? path.join(folder, 'certificates'))
  await mendAuthority(site.certificates)
  box.making = { site, clock, random }
  const own = await ensureOwnCertificates({ folder: site.certificates, names: site.names, clock, random })
  const controlPlane = await openControlPlane({
    database: new Database({ url, clock }),
    core: new Core({ socket: path.join(folder, 'control.sock'), program: CORE_PROGRAM, configuration }),
    images: new CoreImages(path.join(folder, 'core-local.sock')), // nobody listens there
    ...{ sealing, generations: box, site, clock, random, log: pino({ level: 'trace' }, keptIn(log)) },
    traffic: new Traffic({
      ...{
        folder: logs,
        stateFile: path.join(folder, 'traffic.json'),
        clock,
        log: pino({ level: 'silent' }),
      },
      rotate: async () => undefined,
    }),
  })
  const server = await listen(controlPlane.server, 0)
  // Before the start, which may take back what a killed restore has brought.
  const secure = await listen(overTls(server, own), 0)
  const start = async () => (await controlPlane.start(adminToken ?? undefined)).first
  const first = await start()
  const base = `http://127.0.0.1:${portOf(server)}`
  const tls = {
    ...{ base: `https://127.0.0.1:${portOf(secure)}`, caFile: own.caFile, fingerprint: own.fingerprint },
  }
  return {
    ...{ base, tls, url, box, clock, log, certificates: site.certificates, first, startAgain: start },
    shown: () => controlPlane.forgetFirst(),
    accessLog: path.join(logs, 'access.log'),
    api: new Api(base, await readDocument(base), adminToken ?? first.adminToken ?? null),
    async close() {
      for (const each of [server, secure]) each.closeAllConnections()
      secure.close()
      await controlPlane.close()
      core.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What nginx does for the admin listener. */
function overTls(server: Server, { certificate, key }: OwnCertificates): SecureServer {
  const files = { cert: readFileSync(certificate), key: readFileSync(key) }
  return createSecureServer(files, (request, response) => server.emit('request', request, response))
}

function portOf(server: Server | SecureServer): number {
  return (server.address() as AddressInfo).port
}

function siteIn(certificates: string): Site {
  return {
    ...{ host: 'box.example', names: ['box.example', '127.0.0.1'], certificates },
    ports: { registry: 5000, mirror: 5001, tls: 5443, mirrorTls: 5444, admin: 5445 },
    acmePort: 80,
  }
}

/** Without a newline at its end: what comes behind it must not stand on this line. */
const CORE_METRICS = '# HELP registry_x X\n# TYPE registry_x gauge\nregistry_x 7'
const CORE_STATUS = { upstreams: [{ host: 'docker.io', breaker: 'closed', sentence: 'is asked' }] }

function coreByHand(): Server {
  return createServer((request, response) => {
    const answer = request.url === '/status' ? CORE_STATUS : { outcome: 'reloaded' }
    response.end(request.url === '/metrics' ? CORE_METRICS : JSON.stringify(answer))
  })
}

async function listen<S extends Server | SecureServer>(server: S, where: string | number): Promise<S> {
  if (typeof where === 'number') server.listen(where, '127.0.0.1')
  else server.listen(where)
  await once(server, 'listening')
  return server
}

function keptIn(lines: string[]): Writable {
  return new Writable({
    write(line, _encoding, done) {
      lines.push(String(line))
      done()
    },
  })
}
