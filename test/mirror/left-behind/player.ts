import fc from 'fast-check'

import type { Image } from '../../support/images.js'
import { locationOf, type RegistryClient, withDigest } from '../../support/registry-client.js'
import { differences } from './differences.js'
import { type Asked, look, type Seen, tagOf } from './looking.js'
import { makePool } from './pool.js'
import {
  type Caller,
  type Held,
  type InFile,
  isUpstreams,
  mayChange,
  noteOf,
  type Origin,
} from './promise.js'
import { patternsOf, type Stage } from './stage.js'
import {
  type CallerName,
  CALLERS,
  type Kind,
  KINDS,
  NAMED,
  type Step,
  stories,
  type Story,
  type Way,
} from './story.js'

type StepOf<K extends Step['kind']> = Extract<Step, { readonly kind: K }>

interface Repository {
  readonly kind: Kind
  /** As the upstream has it. */
  readonly remote: string
  /** Below its host. */
  readonly stored: string
  readonly origins: Map<number, Origin>
  /** Revisions that were fetched once, also those that were deleted since. */
  readonly fetched: Set<number>
}

/** Lives through a story at the stage, and writes down where the promise was not kept. */
class Player {
  readonly findings: string[] = []
  readonly #stage: Stage
  readonly #story: Story
  readonly #pool = makePool()
  readonly #repositories: { readonly [K in Kind]: Repository }
  #inFile: InFile | undefined

  constructor(stage: Stage, story: Story) {
    this.#stage = stage
    this.#story = story
    const run = stage.fresh()
    const repository = (kind: Kind): Repository => {
      const remote = `${kind}/run${run}`
      return { kind, remote, stored: `${story.host}/${remote}`, origins: new Map(), fetched: new Set() }
    }
    this.#repositories = { private: repository('private'), open: repository('open') }
  }

  async play(): Promise<void> {
    const upstream = this.#stage.upstreams[this.#story.host]
    for (const { remote } of Object.values(this.#repositories))
      for (const [revision, image] of this.#pool.images.slice(0, 3).entries())
        upstream.hold(remote, image, tagOf(revision))
    await this.#configure({ hasAccount: true, expose: 'accounts' })
    for (const step of this.#story.steps) await this.#take(step)
    await this.#configure(undefined)
    for (const kind of KINDS) await this.#look(kind, this.#story.last)
  }

  async #take(step: Step): Promise<void> {
    if (step.kind === 'pull') return this.#pull(step)
    if (step.kind === 'push') return this.#push(step)
    if (step.kind === 'delete') return this.#delete(step)
    await this.#configure(step.inFile)
    await this.#look(step.repository, step.way)
  }

  async #configure(inFile: InFile | undefined): Promise<void> {
    this.#inFile = inFile
    await this.#stage.configure(this.#story, inFile)
  }

  async #pull({ by, repository, revision, part }: StepOf<'pull'>): Promise<void> {
    const { stored } = this.#repositories[repository]
    const client = this.#stage.at.registry[by]
    if (part === 'blobs') {
      for (const key of NAMED[revision] ?? [])
        await client.get(`/v2/${stored}/blobs/${this.#pool.blobs.get(key)}`)
      return
    }
    const reference = part === 'tag' ? tagOf(revision) : this.#digest(revision)
    const { status } = await client.get(`/v2/${stored}/manifests/${reference}`, { accept: '*/*' })
    if (status === 200)
      this.#noteServed(this.#repositories[repository], this.#caller(by, repository), [revision])
  }

  /** What an upstream gives is kept, with a note. */
  #noteServed(
    { kind, origins, fetched }: Repository,
    caller: Caller,
    revisions: Iterable<number>,
    way?: Way,
  ): void {
    const held = this.#held(kind)
    const isAsked = held.inFile !== undefined && way !== undefined && this.#isBare(way)
    if (isUpstreams(held) === 'no' && !isAsked) return
    for (const revision of revisions) {
      if (origins.has(revision)) continue
      origins.set(revision, noteOf(held, caller))
      fetched.add(revision)
    }
  }

  async #push({ by, repository, revision, isWhole }: StepOf<'push'>): Promise<void> {
    const { stored, origins, fetched } = this.#repositories[repository]
    const client = this.#stage.at.registry[by]
    const verdict = mayChange(
      this.#held(repository),
      this.#caller(by, repository),
      this.#has(by, stored, 'push'),
    )
    const image = this.#pool.images[revision]
    if (image === undefined) throw new Error(`there is no revision ${revision}`)
    const isUploaded = isWhole && (await this.#upload(client, stored, image))
    const { status } = await client.putManifest(stored, tagOf(revision), image.manifest)
    if (verdict === 'no' ? isUploaded || status === 201 : verdict === 'yes' && isWhole && status !== 201)
      this.findings.push(`${by} pushes ${revision} to ${stored}: ${verdict} was promised, ${status} came`)
    if (status !== 201) return
    const wasFetched = fetched.has(revision) && origins.get(revision) !== 'pushed'
    origins.set(revision, wasFetched ? 'pushed too' : 'pushed')
  }

  /** As docker does: what was uploaded has to be there. */
  async #upload(client: RegistryClient, repository: string, { blobs }: Image): Promise<boolean> {
    for (const { bytes, descriptor } of blobs) {
      const begun = await client.post(`/v2/${repository}/blobs/uploads/`)
      if (begun.status !== 202) return false
      const { digest } = descriptor
      const { status } = await client.put(withDigest(locationOf(begun), digest), bytes)
      const head = await client.head(`/v2/${repository}/blobs/${digest}`)
      if (status !== 201 || head.status !== 200)
        this.findings.push(
          `an upload to ${repository} ended with ${status}, and is ${head.status} afterwards`,
        )
    }
    return true
  }

  async #delete({ by, repository, revision, part }: StepOf<'delete'>): Promise<void> {
    const { stored, origins } = this.#repositories[repository]
    const verdict = mayChange(
      this.#held(repository),
      this.#caller(by, repository),
      this.#has(by, stored, 'push'),
    )
    const reference = part === 'tag' ? tagOf(revision) : this.#digest(revision)
    const { status } = await this.#stage.at.registry[by].delete(`/v2/${stored}/manifests/${reference}`)
    if (verdict === 'no' ? status === 202 : verdict === 'yes' && status !== 202 && status !== 404)
      this.findings.push(`${by} deletes ${reference} of ${stored}: ${verdict} was promised, ${status} came`)
    if (status === 202 && part === 'digest') origins.delete(revision)
  }

  /** Everybody asks for everything; what the owner sees in the end is what is there. */
  async #look(kind: Kind, wanted: Way): Promise<void> {
    const way = wanted === 'mirror bare' && this.#story.host !== 'docker.io' ? 'mirror' : wanted
    const repository = this.#repositories[kind]
    const seen: (readonly [CallerName, Seen])[] = []
    for (const by of CALLERS) {
      const found = await look(this.#asked(by, kind, way), this.#pool)
      this.#noteServed(repository, this.#caller(by, kind, way), [...found.manifests, ...found.tagged], way)
      seen.push([by, found])
    }
    const there = await look({ ...this.#asked('owner', kind, 'registry'), target: undefined }, this.#pool)
    this.#noteServed(repository, { isMember: true }, [...there.manifests, ...there.tagged])
    for (const [by, found] of seen) this.#compare({ by, kind, way, found, there })
  }

  #compare({ by, kind, way, found, there }: Comparison): void {
    const { stored } = this.#repositories[kind]
    // What an upstream has left is promised at the registry's address only (docs/mirrors.md).
    const isNamed = way === 'registry' || (!this.#isBare(way) && this.#inFile !== undefined)
    const mayPull = way.startsWith('mirror') || this.#has(by, stored, 'pull')
    const wrong = differences(this.#held(kind), this.#caller(by, kind, way), {
      ...{ found, there, isReached: isNamed && mayPull },
      mayPush: this.#has(by, stored, 'push'),
      hasTarget: this.#has(by, 'mine/any', 'push'),
      isCatalogWhole: way === 'registry' && mayPull,
    })
    const inFile = JSON.stringify(this.#inFile ?? 'not in the file')
    const origins = JSON.stringify([...this.#repositories[kind].origins])
    for (const each of wrong) this.findings.push(`${by}, ${way}, ${stored} (${inFile}, ${origins}): ${each}`)
  }

  #asked(by: CallerName, kind: Kind, way: Way): Asked {
    const { stored, remote } = this.#repositories[kind]
    const { registry, mirror } = this.#stage.at
    const mayMount = way === 'registry' && this.#has(by, 'mine/any', 'push')
    const repository = `mine/new${this.#stage.fresh()}`
    return {
      client: way.startsWith('mirror') ? mirror[by] : registry[by],
      name: way === 'registry' || way === 'mirror' ? stored : remote,
      query: way.endsWith('ns') ? `?ns=${this.#story.host}` : '',
      stored,
      target: mayMount ? { client: registry[by], repository } : undefined,
    }
  }

  #held(kind: Kind): Held {
    const { origins } = this.#repositories[kind]
    const named = (revision: number): readonly string[] => NAMED[revision] ?? []
    return { inFile: this.#inFile, isPublicThere: kind === 'open', origins, named }
  }

  #caller(by: CallerName, kind: Kind, way: Way = 'registry'): Caller {
    const { stored, remote } = this.#repositories[kind]
    const isBare = this.#isBare(way)
    return {
      isMember: this.#hasItself(by, stored, 'pull') || (isBare && this.#hasItself(by, remote, 'pull')),
    }
  }

  /** On the mirror view `ns` of the default upstream says no more than its bare name: pushes below its host are no part of it. */
  #isBare(way: Way): boolean {
    return way.startsWith('mirror') && way !== 'mirror' && this.#story.host === 'docker.io'
  }

  #has(by: CallerName, name: string, action: 'pull' | 'push'): boolean {
    const { anonymous } = this.#story
    return anonymous === 'push' || anonymous === action || this.#hasItself(by, name, action)
  }

  #hasItself(by: CallerName, name: string, action: 'pull' | 'push'): boolean {
    if (by === 'nobody') return false
    if (by === 'owner') return true
    const [one, two] = this.#story.accounts
    const account = by === 'one' ? one : two
    if (name.startsWith('mine/')) return true
    const isGranted = action === 'pull' || account.pushes
    return (
      isGranted &&
      patternsOf(this.#story.host, account).some((each) => name.startsWith(each.replace('**', '')))
    )
  }

  #digest(revision: number): string {
    return this.#pool.images[revision]?.manifest.descriptor.digest ?? ''
  }
}

/** Each story is lived through by itself, in repositories of its own. */
export function storiesAt(stage: Stage): fc.IAsyncProperty<[Story]> {
  return fc.asyncProperty(stories, async (story) => {
    const player = new Player(stage, story)
    await player.play()
    if (player.findings.length > 0) throw new Error(player.findings.join('\n'))
  })
}

interface Comparison {
  readonly by: CallerName
  readonly kind: Kind
  readonly way: Way
  readonly found: Seen
  readonly there: Seen
}
