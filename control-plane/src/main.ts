import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { once } from 'node:events'
import path from 'node:path'

import { pino } from 'pino'

import type { BoxMessage } from './box/box-message.js'
import { readBoxSettings } from './box/box-settings.js'
import { workersUser } from './box/children.js'
import { findNginx } from './box/nginx-program.js'
import { placesOf } from './box/places.js'
import { openControlPlane } from './control-plane.js'
import { Core } from './core/core.js'
import { Database } from './database/database.js'
import { LocalBox } from './front/local-box.js'
import { siteOf } from './front/site.js'
import { systemClock as clock } from './system/clock.js'
import { systemRandom as random } from './system/random.js'
import { Sealing } from './system/sealed.js'

const CORE_PROGRAM = path.join(import.meta.dirname, '..', '..', 'registry-core', 'bin', 'registry-core.js')

/** The control plane of a box on this machine: a process that `npm start` runs, and starts again. */
async function main(): Promise<void> {
  const settings = readBoxSettings(process.env)
  const places = placesOf(settings)
  const nginx = findNginx()
  if (settings.databaseUrl === undefined || nginx === undefined)
    throw new Error('npm start runs this program: it needs DATABASE_URL and nginx')
  const log = pino({ name: 'control-plane' })
  const site = siteOf(settings, places)
  const sealing = new Sealing(Buffer.from(readFileSync(places.secretKey, 'utf8'), 'base64'), random)
  const sockets = {
    localCore: path.join(places.run, 'core-local.sock'),
    core: places.coreSocket,
    control: places.controlSocket,
    api: places.apiSocket,
    generation: path.join(places.run, 'front.sock'),
  }
  const box = new LocalBox({
    ...{ site, sealing, clock, random, sockets },
    ...{ bind: settings.bind, httpBind: settings.httpBind, storeRoot: places.store },
    ...{ workersUser: workersUser(), nginxVersion: nginx.version },
    applying: {
      places: {
        ...{ config: places.config, prefix: places.nginx },
        ...{ generationSocket: sockets.generation, controlSocket: sockets.control },
      },
      programs: { nginx: nginx.file, registryCore: CORE_PROGRAM },
      clock,
    },
  })
  const database = new Database({ url: settings.databaseUrl, clock })
  const controlPlane = await openControlPlane({
    ...{ database, box, site, sealing, clock, random, log },
    core: new Core(sockets.control),
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
  if (applied.outcome === 'refused') log.error(applied, 'the configuration is refused: what was in force stays')
  if (first.account !== undefined)
    tell({
      kind: 'first-start',
      account: first.account,
      ...(first.adminToken !== undefined && { adminToken: first.adminToken }),
    })
  tell({ kind: 'configured' })
}

/** To whoever started us, and never to a log. */
function tell(message: BoxMessage): void {
  process.send?.(message)
}

await main()
