import fs from 'node:fs'
import path from 'node:path'
import { mendAuthority } from '../backup/file-swap.js'
import { ensureOwnCertificates, type OwnCertificates } from '../front/certificates/own-certificates.js'
import { siteOf } from '../front/site.js'
import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'
import { type BoxSettings, readBoxSettings } from './box-settings.js'
import { lockDataFolder } from './data-lock.js'
import { requireFreePorts } from './free-ports.js'
import { ensureNginx } from './install-nginx.js'
import { endLeftOverNginx } from './left-over.js'
import type { NginxProgram } from './nginx-program.js'
import { type BoxPlaces, placesOf } from './places.js'
import { requireOwner } from './require-owner.js'
import { ensureSecretKey } from './secret-key.js'

export interface PrepareOptions {
  readonly environment: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly random: Random
  readonly say: (line: string) => void
}

/** What the parts stand on. */
export interface Prepared {
  readonly settings: BoxSettings
  readonly places: BoxPlaces
  readonly nginx: NginxProgram
  readonly certificates: OwnCertificates
}

/**
 * Everything that must be right before anything is started, so that what is wrong is one sentence.
 * @throws StartRefused
 */
export async function prepareBox({ environment, clock, random, say }: PrepareOptions): Promise<Prepared> {
  const settings = readBoxSettings(environment)
  for (const name of settings.unknown)
    say(`${name} means nothing to npm start: see docs/reference/settings.md`)
  const places = placesOf(settings)
  requireOwner(places)
  lockDataFolder(places, clock)
  await endLeftOverNginx(places, { clock, say })
  await requireFreePorts(settings, { servesChallenges: servesChallenges(places) })
  const nginx = await ensureNginx({ say, isRoot: process.getuid?.() === 0 })
  makeFolders(places)
  await ensureSecretKey(places, settings, random)
  await mendAuthority(places.certificates)
  const certificates = await ensureOwnCertificates({
    folder: places.certificates,
    names: siteOf(settings, places).names,
    ...{ clock, random },
  })
  return { settings, places, nginx, certificates }
}

/** What their owners count on; the rest they make themselves. */
function makeFolders({ store, config, nginx }: BoxPlaces): void {
  for (const folder of [store, config, path.join(nginx, 'logs'), path.join(nginx, 'temp')])
    fs.mkdirSync(folder, { recursive: true })
}

/** The configuration that nginx will start with answers an ACME server. */
function servesChallenges({ currentConfig }: BoxPlaces): boolean {
  const conf = path.join(currentConfig, 'nginx.conf')
  return fs.existsSync(conf) && fs.readFileSync(conf, 'utf8').includes('/.well-known/acme-challenge/')
}
