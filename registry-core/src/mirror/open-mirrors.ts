import { isDeepStrictEqual } from 'node:util'
import { type Downloads, openDownloads } from './downloads/downloads.js'
import type { MirrorSettings, UpstreamSettings } from './mirror-settings.js'
import type { Mirror, Mirrors } from './mirrors.js'
import { type MirrorsOptions, type MirrorState, RunningMirror } from './running-mirror.js'

/** All upstreams, while the process runs. */
export interface OpenMirrors extends Mirrors {
  states(): readonly MirrorState[]
  /** Other upstreams from now on; those that stay as they were keep what they know. */
  replace(settings: MirrorSettings): void
  close(): Promise<void>
}

/** Connects to nothing before a client asks: a registry whose upstreams are all down starts like any other. */
export function openMirrors(settings: MirrorSettings, options: MirrorsOptions): OpenMirrors {
  return new RunningMirrors(settings, options)
}

class RunningMirrors implements OpenMirrors {
  readonly #options: MirrorsOptions
  readonly #downloads: Downloads
  #mirrors: readonly RunningMirror[] = []
  #byName: ReadonlyMap<string, RunningMirror> = new Map()
  #default: RunningMirror | undefined
  /** Those that have been replaced, until what they were fetching is here. */
  readonly #retiring = new Set<Promise<void>>()

  constructor(settings: MirrorSettings, options: MirrorsOptions) {
    this.#options = options
    this.#downloads = openDownloads(options)
    this.replace(settings)
  }

  get default(): Mirror | undefined {
    return this.#default
  }

  get isEmpty(): boolean {
    return this.#mirrors.length === 0
  }

  find(host: string): Mirror | undefined {
    const found = this.#byName.get(host)
    return found ?? (/[A-Z:]/.test(host) ? this.#byName.get(asKept(host)) : undefined)
  }

  states(): readonly MirrorState[] {
    return this.#mirrors.map((mirror) => mirror.state())
  }

  replace({ upstreams, defaultHost }: MirrorSettings): void {
    const before = this.#mirrors
    this.#mirrors = upstreams.map(
      (settings) =>
        before.find((mirror) => isSame(mirror.settings, settings)) ??
        new RunningMirror(settings, this.#downloads, this.#options),
    )
    this.#byName = new Map(
      this.#mirrors.flatMap((mirror) =>
        [mirror.host, ...mirror.settings.aliases].map((name) => [name, mirror] as const),
      ),
    )
    this.#default = defaultHost === undefined ? undefined : this.#byName.get(defaultHost)
    for (const mirror of before) if (!this.#mirrors.includes(mirror)) this.#startToRetire(mirror)
  }

  #startToRetire(mirror: RunningMirror): void {
    const retiring = this.#retire(mirror).finally(() => this.#retiring.delete(retiring))
    this.#retiring.add(retiring)
  }

  /** A reload cuts no transfer: the downloads that run through it may end, then its connections are closed. */
  async #retire(mirror: RunningMirror): Promise<void> {
    try {
      await this.#downloads.untilEnded(mirror.host)
      await mirror.close()
    } catch (error) {
      this.#options.log.warn({ err: error, upstream: mirror.host }, 'the old connections could not be closed')
    }
  }

  async close(): Promise<void> {
    await this.#downloads.close()
    await Promise.all([...this.#mirrors.map((mirror) => mirror.close()), ...this.#retiring])
  }
}

/** As a host with a port stands in a repository's name. */
function asKept(host: string): string {
  return host.toLowerCase().replace(/:(\d+)$/, '_$1')
}

/** By what was written: compiled patterns and address lists hide what they hold. */
function isSame(a: UpstreamSettings, b: UpstreamSettings): boolean {
  return isDeepStrictEqual(writtenForm(a), writtenForm(b))
}

function writtenForm({ urls, allowAddresses, freshFor, proxy, ...rest }: UpstreamSettings): object {
  return {
    ...rest,
    urls: urls.map(({ href }) => href),
    allowAddresses: allowAddresses.rules,
    freshFor: {
      ...freshFor,
      rules: freshFor.rules.map(({ repository, tag, ms }) => [repository.text, tag.text, ms]),
    },
    proxy: proxy && { ...proxy, url: proxy.url.href },
  }
}
