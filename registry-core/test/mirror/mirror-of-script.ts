import { Breaker, withBreaker } from '#core/mirror/watched/breaker.js'
import { HeldManifests } from '#core/mirror/manifests/held-manifests.js'
import { type AskedFor, Manifests } from '#core/mirror/manifests/manifests.js'
import type { UpstreamSettings } from '#core/mirror/mirror-settings.js'
import type { MirroredName } from '#core/mirror/mirrored-name.js'
import { NamedContent } from '#core/mirror/questions/named-content.js'
import { Questions } from '#core/mirror/questions/questions.js'
import { RateLimitWatch } from '#core/mirror/watched/rate-limit.js'
import { withTurns } from '#core/mirror/watched/turns.js'
import { isRegistryError } from '#core/oci/failure.js'
import { errorStatus } from '#core/http/errors.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { Pulled, PulledManifest } from '#core/registry/source.js'
import type { Clock } from '#core/system/clock.js'
import { FakeClock, turn } from '../fake-clock.js'
import { seededRandom } from '../seeded-chance.js'
import { SimulatedDisk } from '../simulated-disk.js'
import { SimulatedFs } from '../simulated-fs.js'
import { type OpenedProcess, openProcess, STORE_ROOT } from '../simulated-store.js'
import { ScriptedUpstream } from './scripted-upstream.js'

export const ALPINE: MirroredName = {
  host: 'docker.io',
  remote: parseRepositoryName('library/alpine'),
  stored: parseRepositoryName('docker.io/library/alpine'),
}
/** Longer than a tag is fresh. */
export const STALE_MS = 10 * 60_000

/** A client that stays. */
export const REQUEST: AskedFor = {
  ...{ countsAsPull: true, client: '192.0.2.1' },
  signal: () => new AbortController().signal,
}

/** What a client was told, in one line. */
export function told({ value, served }: Pulled<PulledManifest>): string {
  return `${served.cache} ${served.origin} ${value.bytes.toString()}`
}

/** The manifests of a scripted upstream, on a simulated disk. */
export class MirrorOfScript {
  readonly clock: FakeClock
  readonly fs: SimulatedFs
  readonly scripted = new ScriptedUpstream()
  readonly lines: string[] = []
  readonly revalidations: string[] = []
  readonly rateLimit: RateLimitWatch
  core: OpenedProcess
  manifests: Manifests
  breaker: Breaker
  readonly named = new NamedContent()
  questions: Questions
  whenMissing: UpstreamSettings['whenMissing'] = 404
  /** The next look at a tag ends when this has, and tells what it saw before. */
  nextLook: Promise<void> | undefined

  static async open(
    { disk, boot }: { readonly disk?: SimulatedDisk; readonly boot?: string } = {},
    clock = new FakeClock(),
  ): Promise<MirrorOfScript> {
    const fs = new SimulatedFs(disk ?? newDisk(clock))
    const core = await openProcess({ fs, clock, seed: disk ? 2 : 1, boot: boot ?? 'boot0000' })
    return new MirrorOfScript({ clock, fs, core })
  }

  private constructor(parts: {
    readonly clock: FakeClock
    readonly fs: SimulatedFs
    readonly core: OpenedProcess
  }) {
    this.clock = parts.clock
    this.fs = parts.fs
    this.core = parts.core
    this.rateLimit = new RateLimitWatch(parts)
    ;({ manifests: this.manifests, breaker: this.breaker, questions: this.questions } = this.#open())
  }

  /** Everything that was in memory is gone, the disk is as it was. */
  async restart(): Promise<void> {
    await this.manifests.close()
    this.core = await openProcess({ fs: this.fs, clock: this.clock, seed: 2, boot: 'boot0000' })
    ;({ manifests: this.manifests, breaker: this.breaker, questions: this.questions } = this.#open())
  }

  #open(): { manifests: Manifests; breaker: Breaker; questions: Questions } {
    const log = {
      info: (_fields: object, line: string) => void this.lines.push(line),
      warn: (_fields: object, line: string) => void this.lines.push(line),
      error: (_fields: object, line: string) => void this.lines.push(line),
    }
    const clock: Clock = this.clock
    const breaker = new Breaker({ host: 'docker.io', clock, random: seededRandom(1), log })
    const held = new HeldManifests({ ...this.core, log })
    const findTag = held.findTag.bind(held)
    held.findTag = async (...asked) => {
      const found = await findTag(...asked)
      const end = this.nextLook
      this.nextLook = undefined
      await end
      return found
    }
    const questions = new Questions({ host: 'docker.io', clock, named: this.named })
    const manifests = new Manifests({
      questions,
      upstream: withTurns(withBreaker(this.scripted, breaker), clock),
      settings: this.#settings(),
      isNextDoor: false,
      held,
      rateLimit: this.rateLimit,
      counters: { revalidated: (outcome) => void this.revalidations.push(outcome) },
      clock,
      log,
    })
    return { manifests, breaker, questions }
  }

  /** As `whenMissing` is when it is asked for: tests set it later. */
  #settings(): Pick<UpstreamSettings, 'freshFor' | 'whenMissing'> {
    const whenMissing = (): UpstreamSettings['whenMissing'] => this.whenMissing
    return {
      freshFor: { rules: [], otherwiseMs: undefined },
      get whenMissing() {
        return whenMissing()
      },
    }
  }

  /** Pulls; time stands still. */
  async pull(reference: string, name = ALPINE): Promise<string> {
    return (await this.outcomeOf(this.manifests.manifest(name, parseReference(reference), REQUEST))).told
  }

  /** Pulls, and moves the clock on as long as nothing comes; says how long that took. */
  async pullInTime(reference: string): Promise<{ readonly told: string; readonly ms: number }> {
    const startedMs = this.clock.elapsedMs()
    const { told: line, endedMs } = await this.outcomeOf(
      this.manifests.manifest(ALPINE, parseReference(reference), REQUEST),
      100,
    )
    return { told: line, ms: endedMs - startedMs }
  }

  async outcomeOf(
    asked: Promise<Pulled<PulledManifest>>,
    stepMs = 0,
  ): Promise<{ readonly told: string; readonly endedMs: number }> {
    let ended: { readonly told: string; readonly endedMs: number } | undefined
    const end = (line: string): void => {
      ended = { told: line, endedMs: this.clock.elapsedMs() }
    }
    asked.then(
      (served) => end(told(served)),
      (error: unknown) => end(isRegistryError(error) ? `${errorStatus(error.failure)}` : String(error)),
    )
    for (let turns = 0; turns < 2000 && ended === undefined; turns += 1) {
      await turn()
      if (turns % 20 === 19) await this.clock.advance(stepMs)
    }
    return ended ?? { told: 'nothing came', endedMs: this.clock.elapsedMs() }
  }

  /** What the upstream was asked since the last time. */
  asked(): readonly string[] {
    return this.scripted.asked.splice(0)
  }
}

function newDisk(clock: FakeClock): SimulatedDisk {
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.syncDirectory('/')
  return disk
}

/** Everything that can go on without time has gone on. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 200; turns += 1) await turn()
}
