import { readFileSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { once } from 'node:events'
import type { Server } from 'node:net'
import path from 'node:path'

import { openLogSink } from '@entrepot/registry-core/contract'
import { type Logger, pino } from 'pino'

import { isShown, messagesOf } from './box/box-message.js'
import { readBoxSettings } from './box/box-settings.js'
import { workersUser } from './box/children.js'
import { findNginx } from './box/nginx-program.js'
import { sayOfFullDisk } from './box/full-disk.js'
import { applyPlacesOf, type BoxPlaces, placesOf } from './box/box-places.js'
import { openControlPlane } from './control-plane.js'
import { ensureProbe } from './clients/ensure-probe.js'
import { CoreImages } from './core/core-images.js'
import { Core } from './core/core.js'
import { Database } from './database/database.js'
import { openApplyScript } from './front/applying/apply-script.js'
import type { ApplyOptions } from './front/applying/apply-generation.js'
import { countDraining } from './front/applying/draining.js'
import { undoUnproved } from './front/applying/undo-unproved.js'
import { openReloadPace } from './front/applying/reload-pace.js'
import { LocalGenerations } from './front/local-generations.js'
import { siteOf } from './front/site.js'
import { systemClock as clock } from './system/clock.js'
import { systemRandom as random } from './system/random.js'
import { Sealing } from './system/sealed.js'
import { Traffic } from './traffic/traffic.js'

/** Whoever asks the API waits for nobody who reads the log. */
const sink = openLogSink(1)
const LAST_LINES_MS = 500
const CORE_PROGRAM = path.join(import.meta.dirname, '..', '..', 'registry-core', 'bin', 'registry-core.js')

/** Longer than nginx keeps an idle connection, so that we never close one that it is just using. */
const KEPT_MS = 75_000
/** Many clients at once wait for their turn, and are not refused. */
const BACKLOG = 4096

/** How changes of the configuration reach nginx and the core of this machine. */
function applyOptions(places: BoxPlaces): ApplyOptions & { readonly nginxVersion: string } {
  const nginx = findNginx()
  if (nginx === undefined) throw new Error('nginx is missing: npm start installs it, or says how')
  const front = applyPlacesOf(places)
  return {
    nginxVersion: nginx.version,
    ...{ places: front, clock },
    programs: { nginx: nginx.file, registryCore: CORE_PROGRAM },
    pace: openReloadPace({ clock, countDraining: () => countDraining(front.prefix) }),
  }
}

function coreAt({ controlSocket, currentConfig }: BoxPlaces): Core {
  const configuration = path.join(currentConfig, 'registry.yml')
  return new Core({ socket: controlSocket, program: CORE_PROGRAM, configuration })
}

/** Of our own Postgres we know the disk. */
function databaseAt(url: string, { run, postgres }: BoxPlaces): Database {
  const isOurs = url.includes(encodeURIComponent(run))
  return new Database({ url, clock, ...(isOurs && { sayOfDisk: () => sayOfFullDisk(postgres) }) })
}

/** nginx's logs, followed and kept small. */
function trafficOf(places: BoxPlaces, { places: front, programs }: ApplyOptions, log: Logger): Traffic {
  const script = openApplyScript(front, programs)
  return new Traffic({
    ...{ folder: path.join(places.nginx, 'logs'), stateFile: places.traffic, clock, log },
    rotate: (limit) => script.rotate(limit),
  })
}

async function listenAt(socket: string, server: Server): Promise<void> {
  await rm(socket, { force: true }) // of a process that was killed: the data folder has one box at a time
  server.listen({ path: socket, backlog: BACKLOG })
  await once(server, 'listening')
  await chmod(socket, 0o600) // nginx's workers run as whom we run; the address that they tell of clients is believed
}

/** The control plane of a box on this machine: a process that `npm start` runs, and starts again. */
async function main(): Promise<void> {
  const settings = readBoxSettings(process.env)
  if (settings.databaseUrl === undefined) throw new Error('DATABASE_URL is missing: npm start sets it')
  const places = placesOf(settings)
  const sealing = new Sealing(Buffer.from(readFileSync(places.secretKey, 'utf8'), 'base64'), random)
  const log = pino({ name: 'control-plane' }, sink)
  const { nginxVersion, ...applying } = applyOptions(places)
  const site = siteOf(settings, places)
  const database = databaseAt(settings.databaseUrl, places)
  const images = new CoreImages(places.localCoreSocket)
  const controlPlane = await openControlPlane({
    ...{ database, sealing, clock, random, log },
    ...{ site, core: coreAt(places), images, traffic: trafficOf(places, applying, log) },
    generations: new LocalGenerations({
      ...{ site, sealing, clock, random, applying, nginxVersion, workersUser: workersUser() },
      ...{ bind: settings.bind, httpBind: settings.httpBind, storeRoot: places.store },
      sockets: {
        ...{ localCore: places.localCoreSocket, closedCore: places.closedCoreSocket },
        ...{ core: places.coreSocket, control: places.controlSocket, api: places.apiSocket },
        generation: applying.places.generationSocket,
      },
    }),
  })
  controlPlane.server.keepAliveTimeout = KEPT_MS
  await listenAt(places.apiSocket, controlPlane.server)
  const stopping = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      stopping.abort()
      void controlPlane.close().then(() => sink.close(LAST_LINES_MS))
    })
  try {
    const say = (sentence: string): void => log.warn(sentence)
    await database.open(stopping.signal, say)
    const left = await undoUnproved(applying)
    if (left.state !== 'none' && left.state !== 'settled') log.warn(left, 'an earlier change was cut off')
    // A database that is full, or takes no writes, is one that is away: the API says so, and this goes on when it is back.
    const start = () => controlPlane.start(settings.adminToken)
    const { first, applied } = await database.untilKept(start, stopping.signal, say)
    if (applied.outcome === 'refused')
      log.error(applied, 'the configuration is refused: what was in force stays')
    onceShown(() => database.untilKept(() => controlPlane.forgetFirst(), stopping.signal, say))
    for (const message of messagesOf(first, applied)) process.send?.(message)
    const warn = (error: unknown) => log.warn(error, 'the probe image of clients could not be stored')
    await ensureProbe({ images, mark: places.probeMark, clock, random, warn }, stopping.signal)
  } catch (error) {
    if (!stopping.signal.aborted) throw error // told to stop in the midst of it: the database is closed
  }
}

/** When whoever started us has shown what it was told. Not before that: it is told again by the next start. */
function onceShown(run: () => Promise<void>): void {
  process.on('message', (answer) => {
    if (isShown(answer)) void run().catch(() => undefined) // told to stop
  })
  process.channel?.unref() // it is no reason to stay
}

try {
  await main()
} catch (error) {
  await sink.close(LAST_LINES_MS)
  throw error
}
