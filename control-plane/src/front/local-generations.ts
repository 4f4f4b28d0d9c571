import {
  type FrontSettings,
  type RenderedFile,
  RegistryRefused,
  renderFront,
  renderRegistry,
  SettingRefused,
} from '@entrepot/front'

import { ProductError } from '../http/product-error.js'
import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'
import type { Sealing } from '../system/sealed.js'
import { applyGeneration, type ApplyOptions } from './applying/apply-generation.js'
import { probesOf, runningGeneration } from './applying/ask-nginx.js'
import { countDraining } from './applying/draining.js'
import { findDrift } from './applying/generation-files.js'
import { namedCertificates } from './applying/named-certificates.js'
import { findGeneration, generationFolder } from './applying/apply-places.js'
import type { Applied, Generations, Standing, Rendered } from './generations.js'
import type { Intent } from './intent.js'
import { type ListenersOptions, localListeners } from './local-listeners.js'
import { localUpstreams } from './local-upstreams.js'
import { nginxSettings } from './nginx-settings.schema.js'
import { chooseCertificate, type ServedCertificate } from './served-certificate.js'

/** Where the parts of a box on this machine meet; sockets and folders are absolute. */
export interface LocalGenerationsOptions extends ListenersOptions {
  readonly storeRoot: string
  /** Whom nginx's workers run as; undefined for a plain user's nginx. */
  readonly workersUser: string | undefined
  readonly nginxVersion: string
  readonly applying: ApplyOptions
  readonly sealing: Sealing
  readonly clock: Clock
  readonly random: Random
}

const LOOK_MS = 2000
/** The authorities of those who may use the mirror. */
const MIRROR_CLIENTS = 'mirror-clients.pem'

/** nginx and the core on this machine, in force by files and reloads. */
export class LocalGenerations implements Generations {
  readonly #options: LocalGenerationsOptions

  constructor(options: LocalGenerationsOptions) {
    this.#options = options
  }

  async render(intent: Intent): Promise<Rendered> {
    const { random, clock, applying } = this.#options
    const id = `${clock
      .now()
      .toISOString()
      .replaceAll(/[^0-9]/g, '')
      .slice(0, 14)}-${random.bytes(4).toString('hex')}`
    const folder = generationFolder(applying.places, id)
    const { upstreams, files, secrets } = localUpstreams(intent, { folder, sealing: this.#options.sealing })
    try {
      const { front, served, clients } = await this.#frontOf(intent, folder)
      const registry = this.#registryOf(intent, upstreams)
      const ca = { path: 'ca.pem', mode: 0o644, text: served.ca.pem }
      const rendered = [...renderFront(front), ...clients, registry, ...files, ca]
      return { id, files: rendered, secrets, probes: probesOf(front) }
    } catch (error) {
      throw refusalOf(error) ?? error
    }
  }

  apply({ id, files, secrets, probes }: Rendered): Promise<Applied> {
    return applyGeneration({ id, files: [...files, ...secrets], probes }, this.#options.applying)
  }

  async look(): Promise<Standing> {
    const { places } = this.#options.applying
    const current = await findGeneration(places, 'current')
    const drift = current === undefined ? [] : await findDrift(places, current)
    return {
      current,
      running: await runningGeneration(places.generationSocket, AbortSignal.timeout(LOOK_MS)),
      draining: await countDraining(places.prefix),
      drift: drift.map(({ path, what }) => `${path} ${what}`),
    }
  }

  certificateFiles(): Promise<ReadonlySet<string>> {
    return namedCertificates(this.#options.applying.places)
  }

  async #frontOf(
    intent: Intent,
    folder: string,
  ): Promise<{ front: FrontSettings; served: ServedCertificate; clients: readonly RenderedFile[] }> {
    const { nginxVersion, storeRoot, workersUser, sockets, applying } = this.#options
    const { maxUploadSize, readTimeout, mirrorClientCa } = nginxSettings.parse(intent.nginx)
    const clients = mirrorClientCa === '' ? [] : [{ path: MIRROR_CLIENTS, mode: 0o644, text: mirrorClientCa }]
    const served = await chooseCertificate(intent, this.#options)
    const front: FrontSettings = {
      prefix: applying.places.prefix,
      generation: { folder, socket: sockets.generation },
      coreSocket: sockets.core,
      authority: served.authority ?? served.ca.pem,
      ...{ nginxVersion, storeRoot, maxUploadSize, timeoutSeconds: readTimeout },
      ...(workersUser !== undefined && { user: workersUser }),
      listeners: localListeners(this.#options, {
        ...{ intent, served },
        clientAuthorities: clients.length > 0 ? `${folder}/${MIRROR_CLIENTS}` : undefined,
      }),
    }
    return { front, served, clients }
  }

  #registryOf({ accounts }: Intent, upstreams: readonly object[]): RenderedFile {
    const { storeRoot, sockets } = this.#options
    return renderRegistry({
      storeRoot,
      deletes: true,
      sockets: [
        { socket: sockets.core, anonymous: 'pull' },
        { socket: sockets.closedCore, anonymous: 'none' },
        { socket: sockets.localCore, anonymous: 'push' },
      ],
      internalSocket: sockets.control,
      // nginx writes a line for each request; what fails is written here, too.
      further: { log: { accesslog: { disabled: true } } },
      mirrors: { upstreams: [...upstreams] },
      access: {
        accounts: accounts.map(({ name, secretHash, settings }) => ({ ...settings, name, secretHash })),
      },
    } as Parameters<typeof renderRegistry>[0])
  }
}

/** What no renderer takes is a wrong request: the sentence says which setting. */
function refusalOf(error: unknown): ProductError | undefined {
  if (error instanceof SettingRefused)
    return new ProductError('invalid', { fields: [{ field: '', message: error.message }] })
  if (error instanceof RegistryRefused)
    return new ProductError('invalid', { fields: error.findings.map((message) => ({ field: '', message })) })
  return undefined
}
