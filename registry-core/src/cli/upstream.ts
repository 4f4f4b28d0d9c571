import { BlockList } from 'node:net'
import type { Environment } from '../config/environment.js'
import { readSettings } from '../config/read-settings.js'
import type { UpstreamSettings } from '../mirror/mirror-settings.js'
import { findMisspelling } from '../mirror/upstream/misspelt-hosts.js'
import { type ProbedImage, type ProbeStep, probeUrl } from '../mirror/upstream/probe.js'
import { findDigest } from '../oci/digest.js'
import { findTag } from '../oci/reference.js'
import { findRepositoryName } from '../oci/repository.js'
import { systemClock } from '../system/clock.js'
import type { ExitCode, Terminal } from './terminal.js'

export interface UpstreamCheck {
  /** A host or an alias, of the configuration where there is one. */
  readonly host: string
  readonly config: string | undefined
  /** As `library/alpine:latest`; one that is known to be there when missing. */
  readonly image: string | undefined
  readonly isJson: boolean
}

/** An image that each has, and that everybody may pull. */
const KNOWN_IMAGES: ReadonlyMap<string, string> = new Map([
  ['docker.io', 'library/alpine:latest'],
  ['quay.io', 'prometheus/busybox:latest'],
  ['registry.k8s.io', 'pause:3.9'],
  ['mcr.microsoft.com', 'hello-world:latest'],
  ['gcr.io', 'distroless/static:latest'],
])

/** Goes the way of a pull to an upstream, step by step, and says where it ends and what helps. */
export async function checkUpstream(
  { host, config, image, isJson }: UpstreamCheck,
  environment: Environment,
  terminal: Terminal,
): Promise<ExitCode> {
  const say = (result: Result): void => terminal.out(isJson ? `${JSON.stringify(result)}\n` : textOf(result))
  const url = findUrl(host)
  if (url === undefined) {
    terminal.error(`"${host}" is not a host: write it as quay.io or registry.lan:5000\n`)
    return 2
  }
  const settings = config === undefined ? withoutSettings(host, url) : findUpstream(host, config, environment)
  if (settings === undefined) {
    say({ host, image, findings: [`${config} has no upstream ${host}`], urls: [] })
    return 1
  }
  const name = image ?? KNOWN_IMAGES.get(settings.host)
  const probed = name === undefined ? undefined : findImage(name)
  if (name !== undefined && probed === undefined) {
    terminal.error(`"${name}" is not an image: write it as library/alpine:latest\n`)
    return 2
  }
  const result = await probe(settings, probed, environment)
  say({ ...result, image: name })
  const isFine = result.urls.every(({ steps }) => steps.every((step) => step.isFine))
  return isFine && result.findings.length === 0 ? 0 : 1
}

async function probe(
  settings: UpstreamSettings,
  image: ProbedImage | undefined,
  environment: Environment,
): Promise<Omit<Result, 'image'>> {
  const misspelling = settings.isConfirmed ? undefined : findMisspelling(settings)
  const urls: Result['urls'][number][] = []
  for (const url of settings.urls) {
    const steps = await probeUrl(settings, url, image, { clock: systemClock, environment })
    urls.push({ url: url.origin, steps })
  }
  return { host: settings.host, findings: misspelling === undefined ? [] : [misspelling.sentence], urls }
}

interface Result {
  readonly host: string
  readonly image: string | undefined
  readonly findings: readonly string[]
  readonly urls: readonly { readonly url: string; readonly steps: readonly ProbeStep[] }[]
}

function textOf({ host, image, findings, urls }: Result): string {
  const lines = urls.flatMap(({ url, steps }) => [
    `${host} at ${url}`,
    ...steps.map(
      ({ step, isFine, sentence }) => `  ${step.padEnd(8)}  ${isFine ? 'fine' : 'FAILS'}: ${sentence}`,
    ),
  ])
  const rest = image === undefined && urls.length > 0 ? ['no image was asked for: name one with --image'] : []
  return [...findings, ...lines, ...rest].map((line) => `${line}\n`).join('')
}

function findUpstream(host: string, config: string, environment: Environment): UpstreamSettings | undefined {
  const { upstreams } = readSettings(config, environment).mirrors
  return upstreams.find((upstream) => [upstream.host, ...upstream.aliases].includes(host.replace(':', '_')))
}

function findUrl(host: string): URL | undefined {
  const url = URL.parse(`https://${host === 'docker.io' ? 'registry-1.docker.io' : host}`)
  return url === null || url.pathname !== '/' || url.username !== '' || url.search !== '' ? undefined : url
}

/** As if the configuration named the host and said nothing more. */
function withoutSettings(host: string, url: URL): UpstreamSettings {
  return {
    ...{ host: host.replace(':', '_'), aliases: [], urls: [url], credentials: undefined, ca: undefined },
    ...{ proxy: undefined, dns: [], realms: [], allowAddresses: new BlockList(), whenMissing: 404 },
    ...{ freshFor: { rules: [], otherwiseMs: undefined }, expose: 'accounts', maxConnections: 1 },
    ...{ maxBytesPerSecond: undefined, isConfirmed: false, naming: 'host' },
  }
}

/** A repository, and a tag or a digest; `latest` where there is neither. */
function findImage(name: string): ProbedImage | undefined {
  const [, path = '', , rest = 'latest'] = /^([^@]*?)(?:(@|:)([^/]*))?$/.exec(name) ?? []
  const repository = findRepositoryName(path)
  const [tag, digest] = [findTag(rest), findDigest(rest)]
  if (repository === undefined) return undefined
  if (digest !== undefined) return { repository, reference: { kind: 'digest', digest } }
  return tag === undefined ? undefined : { repository, reference: { kind: 'tag', tag } }
}
