import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { once } from 'node:events'
import path from 'node:path'

import { pino } from 'pino'

import type { BoxMessage } from './box/box-message.js'
import { type BoxSettings, readBoxSettings } from './box/box-settings.js'
import { workersUser } from './box/children.js'
import { findNginx } from './box/nginx-program.js'
import { type BoxPlaces, placesOf } from './box/places.js'
import { type FirstStart, openControlPlane } from './control-plane.js'
import { Core } from './core/core.js'
import { Database } from './database/database.js'
import { countDraining } from './front/applying/draining.js'
import type { ApplyPlaces } from './front/applying/places.js'
import { openReloadPace } from './front/applying/reload-pace.js'
import { LocalBox } from './front/local-box.js'
import { siteOf } from './front/site.js'
import { systemClock as clock } from './system/clock.js'
import { systemRandom as random } from './system/random.js'
import { Sealing } from './system/sealed.js'

const CORE_PROGRAM = path.join(import.meta.dirname, '..', '..', 'registry-core', 'bin', 'registry-core.js')

/** What the box needs to be changed, from the environment and the data folder. */
function openLocalBox(settings: BoxSettings, places: BoxPlaces, sealing: Sealing): LocalBox {
  const nginx = findNginx()
  if (nginx === undefined) throw new Error('nginx is missing: npm start installs it, or says how')
  const front: ApplyPlaces = {
    ...{ config: places.config, prefix: places.nginx, controlSocket: places.controlSocket },
    generationSocket: path.join(places.run, 'front.sock'),
  }
  return new LocalBox({
    site: siteOf(settings, places),
    ...{ bind: settings.bind, httpBind: settings.httpBind, storeRoot: places.store },
    ...{ workersUser: workersUser(), nginxVersion: nginx.version, sealing, clock, random },
    sockets: {
      localCore: path.join(places.run, 'core-local.sock'),
      ...{ core: places.coreSocket, control: places.controlSocket, api: places.apiSocket },
      generation: front.generationSocket,
    },
    applying: {
      ...{ places: front, clock },
      programs: { nginx: nginx.file, registryCore: CORE_PROGRAM },
      pace: openReloadPace({ clock, countDraining: () => countDraining(front.prefix) }),
    },
  })
}

/** The control plane of a box on this machine: a process that `npm start` runs, and starts again. */
async function main(): Promise<void> {
  const settings = readBoxSettings(process.env)
  if (settings.databaseUrl === undefined) throw new Error('DATABASE_URL is missing: npm start sets it')
  const places = placesOf(settings)
  const sealing = new Sealing(Buffer.from(readFileSync(places.secretKey, 'utf8'), 'base64'), random)
  const log = pino({ name: 'control-plane' })
  const database = new Database({ url: settings.databaseUrl, clock })
  const controlPlane = await openControlPlane({
    ...{ database, sealing, clock, random, log },
    box: openLocalBox(settings, places, sealing),
    site: siteOf(settings, places),
    core: new Core(places.controlSocket),
  })
  await rm(places.apiSocket, { force: true }) // of a process that was killed: the data folder has one box at a time
  controlPlane.server.listen(places.apiSocket)
  await once(controlPlane.server, 'listening')
  const stopping = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      stopping.abort()
      void controlPlane.close()
    })
  await database.open(stopping.signal, (sentence) => log.warn(sentence))
  const { first, applied } = await controlPlane.start(settings.adminToken)
  if (applied.outcome === 'refused')
    log.error(applied, 'the configuration is refused: what was in force stays')
  for (const message of messagesOf(first)) process.send?.(message)
}

/** For whoever started us, and never for a log. */
function messagesOf({ account, adminToken }: FirstStart): readonly BoxMessage[] {
  const configured = { kind: 'configured' } as const
  if (account === undefined) return [configured]
  return [{ kind: 'first-start', account, ...(adminToken !== undefined && { adminToken }) }, configured]
}

await main()
