import { NamedContent } from '#core/mirror/questions/named-content.js'
import { openDownloads } from '#core/mirror/downloads/downloads.js'
import { HeldManifests } from '#core/mirror/manifests/held-manifests.js'
import { Manifests } from '#core/mirror/manifests/manifests.js'
import type { MirroredName } from '#core/mirror/mirrored-name.js'
import { MirroredRepository } from '#core/mirror/mirrored-repository.js'
import { Questions } from '#core/mirror/questions/questions.js'
import { RateLimitWatch } from '#core/mirror/watched/rate-limit.js'
import { UndeliveredBlobs } from '#core/mirror/undelivered.js'
import { publicOnly } from '#core/mirror/public-only.js'
import { Visibility } from '#core/mirror/visibility.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName, type RepositoryName } from '#core/oci/repository.js'
import type { Source } from '#core/registry/source.js'
import { localSource } from '#core/views/local-source.js'
import { openOverlay } from '#core/views/overlay.js'
import { type UpstreamOfRegistry, upstreamOfRegistry } from './mirror/upstream-of-registry.js'
import { openAlone, type OpenedProcess, silentLog } from './simulated-store.js'
import {
  APP,
  bytesOf,
  CONFIG,
  digestOf,
  fill,
  LAYER,
  REFERRERS,
  REQUEST,
  sourceContract,
  type SourceUnderTest,
} from './source-contract.js'

const CLIENT = '192.0.2.1'
const NOWHERE = parseRepositoryName('team/nowhere')

/** A mirror of a registry that is filled; nothing is in the mirror yet. */
interface MirrorUnderTest extends SourceUnderTest {
  readonly upstream: UpstreamOfRegistry
  /** For those who have not said who they are. */
  publicSource(repository: RepositoryName): Source
}

async function openFilled(): Promise<OpenedProcess> {
  const { core } = await openAlone()
  await fill(core)
  return core
}

async function openMirror(): Promise<MirrorUnderTest> {
  const upstream = upstreamOfRegistry(await openFilled())
  const { clock, core } = await openAlone()
  const { store, registry } = core
  const log = silentLog
  const questions = new Questions({ host: upstream.host, clock, named: new NamedContent() })
  const manifests = new Manifests({
    ...{ upstream, clock, log, isNextDoor: false, questions },
    settings: { freshFor: { rules: [], otherwiseMs: 1000 }, whenMissing: 404 },
    held: new HeldManifests({ store, registry, log }),
    rateLimit: new RateLimitWatch({ clock }),
    counters: { revalidated: () => undefined },
  })
  const parts = {
    ...{ store, upstream, manifests, whenMissing: 404 as const, named: new NamedContent() },
    downloads: openDownloads({ store, clock, log }),
    undelivered: new UndeliveredBlobs({ clock }),
    questions,
    clock,
    counters: { answered: () => undefined, saved: () => undefined },
  }
  const visibility = new Visibility({
    ...{ upstream, clock, questions, origins: store.origins },
    isForAll: () => false,
    onSlow: () => undefined,
  })
  const nameOf = (remote: RepositoryName): MirroredName => {
    return { host: upstream.host, remote, stored: parseRepositoryName(`${upstream.host}/${remote}`) }
  }
  const source = (remote: RepositoryName): Source => new MirroredRepository(nameOf(remote), parts, CLIENT)
  return {
    ...{ upstream, source, content: store.content, origin: upstream.host },
    publicSource: (remote) => publicOnly(source(remote), nameOf(remote), { visibility, client: CLIENT }),
  }
}

sourceContract('in the store', async () => {
  const core = await openFilled()
  return {
    source: (name) => localSource(core.registry.repository(name)),
    content: core.store.content,
    origin: 'local',
  }
})

sourceContract('that fills itself', openMirror)

sourceContract('that fills itself, for those who have not said who they are', async () => {
  const mirror = await openMirror()
  return { ...mirror, source: (name) => mirror.publicSource(name) }
})

sourceContract('that has filled itself, and whose upstream is down', async () => {
  const mirror = await openMirror()
  const app = mirror.source(APP)
  for (const reference of ['v1', 'v10', 'v2', ...REFERRERS.map(digestOf)])
    await app.manifest(parseReference(reference), REQUEST)
  for (const bytes of [CONFIG, LAYER]) await bytesOf(mirror, app, digestOf(bytes), 0)
  mirror.upstream.isDown = true
  return mirror
})

sourceContract('of two layers, of which the first one has it', async () => {
  const core = await openFilled()
  const upstream = (await openMirror()).source(NOWHERE)
  return {
    source: (name) =>
      openOverlay({
        local: localSource(core.registry.repository(name)),
        upstream,
        answers: 'local',
        isShared: false,
      }),
    content: core.store.content,
    origin: 'local',
  }
})

sourceContract('of two layers, of which the second one has it', async () => {
  const mirror = await openMirror()
  const { core } = await openAlone()
  return {
    ...mirror,
    source: (name) =>
      openOverlay({
        local: localSource(core.registry.repository(name)),
        upstream: mirror.source(name),
        answers: 'local',
        isShared: true,
      }),
  }
})
