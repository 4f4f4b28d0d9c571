import fs from 'node:fs'
import path from 'node:path'
import { mendAuthority } from '../backup/file-swap.js'
import { CertificateRefused } from '../front/certificates/certificate-refused.js'
import { ensureOwnCertificates, type OwnCertificates } from '../front/certificates/own-certificates.js'
import { siteOf } from '../front/site.js'
import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'
import { type BoxSettings, readBoxSettings } from './box-settings.js'
import { lockDataFolder } from './data-lock.js'
import { findFileRefusal } from './file-refusals.js'
import { requireFreePorts } from './free-ports.js'
import { ensureNginx } from './install-nginx.js'
import { endLeftOverNginx } from './left-over-nginx.js'
import type { NginxProgram } from './nginx-program.js'
import { type BoxPlaces, placesOf } from './box-places.js'
import { requireOwner } from './require-owner.js'
import { ensureSecretKey } from './secret-key.js'
import { StartRefused } from './start-refused.js'

/** What a start is given: the variables it was typed with, time, chance, and where lines for people go. */
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
export async function prepareBox(options: PrepareOptions): Promise<Prepared> {
  const settings = readBoxSettings(options.environment)
  try {
    return await prepare(options, settings)
  } catch (error) {
    throw refusalOf(error, settings) ?? error
  }
}

/** What stands in the way of a person's start, and is no fault of ours. */
export function refusalOf(error: unknown, { data }: Pick<BoxSettings, 'data'>): StartRefused | undefined {
  if (error instanceof CertificateRefused)
    return new StartRefused('authority-refused', { reason: error.message }, { cause: error })
  return findFileRefusal(data, error)
}

async function prepare({ clock, random, say }: PrepareOptions, settings: BoxSettings): Promise<Prepared> {
  for (const name of settings.unknown)
    say(`${name} means nothing to npm start: see docs/reference/settings.md`)
  const places = placesOf(settings)
  requireOwner(places)
  lockDataFolder(places, clock)
  await endLeftOverNginx(places, { clock, say })
  const conf = readInForce(places)
  await requireFreePorts(settings, {
    servesChallenges: conf.includes(CHALLENGES),
    further: listensBesides(conf, settings),
  })
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

/** What their owners count on; the rest they make themselves. Those of an earlier start are taken from others too. */
export function makeFolders({ store, config, nginx, run }: Folders): void {
  const [logs, temp] = [path.join(nginx, 'logs'), path.join(nginx, 'temp')]
  for (const folder of [store, config, logs, temp]) fs.mkdirSync(folder, { recursive: true })
  for (const folder of [run, config, path.join(config, 'generations'), nginx, temp].filter((place) =>
    fs.existsSync(place),
  ))
    fs.chmodSync(folder, fs.statSync(folder).mode & 0o755)
  fs.chmodSync(logs, 0o700) // who asks for what, from where: nginx writes its files for everybody
}

type Folders = Pick<BoxPlaces, 'store' | 'config' | 'nginx' | 'run'>

/** What a configuration says that answers an ACME server. */
const CHALLENGES = '/.well-known/acme-challenge/'

/** The configuration that nginx will start with; empty before the first one. */
function readInForce({ currentConfig }: BoxPlaces): string {
  const conf = path.join(currentConfig, 'nginx.conf')
  return fs.existsSync(conf) ? fs.readFileSync(conf, 'utf8') : ''
}

/** Where nginx will listen by a setting of its own, as for virtual hosts; of a configuration for other ports, nothing is known. */
export function listensBesides(
  conf: string,
  { ports, acmePort }: Pick<BoxSettings, 'ports' | 'acmePort'>,
): readonly { readonly host: string; readonly port: number }[] {
  const places = [...conf.matchAll(/^\s*listen (?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d+)[ ;]/gm)].map(
    ([, six, four, port]) => ({ host: six ?? four ?? '', port: Number(port) }),
  )
  const own = Object.values(ports)
  if (!own.every((port) => places.some((place) => place.port === port))) return []
  const known = conf.includes(CHALLENGES) ? [...own, acmePort] : own
  return places.filter(({ port }) => !known.includes(port))
}
