import type { JournalEntry } from '../store/journal-entry.js'
import type { Journal } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { EndpointCounters } from '../system/notification-metrics.js'
import { eventOf, type NotificationEvent, type Sender } from './envelope.js'
import type { Place, Places } from './places.js'
import type { Post } from './post.js'
import type { EndpointSettings } from './settings.js'

/** How often a bookmark that is not written yet is thought of. */
const KEEP_AGAIN_MS = 1000
/** How often we look for processes that died without having sent everything. */
const ADOPT_EVERY_MS = 30_000

export interface DeliveryOptions {
  readonly endpoint: EndpointSettings
  readonly places: Places
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
  readonly counters: EndpointCounters
  readonly post: Post
  readonly sender: () => Omit<Sender, 'part'>
}

/** Tells one endpoint what the journal says, in its order, one event a request, each until it is taken (ADR 6). */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #bell = new Bell()
  readonly #stops: readonly (() => void)[]
  readonly #end = new AbortController()
  readonly #running: Promise<void>
  /** In a row. */
  #failures = 0
  #isEnding = false

  constructor(options: DeliveryOptions) {
    this.#options = options
    const { journal, clock, places } = options
    this.#stops = [
      journal.onWritten(() => this.#bell.ring()),
      clock.every(ADOPT_EVERY_MS, async () => {
        await places.keepPending()
        if (await places.adopt()) this.#bell.ring()
      }),
    ]
    this.#running = this.#run()
  }

  /** Goes on as long as the endpoint takes what there is, and no longer than `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    const { clock, post } = this.#options
    for (const stop of this.#stops) stop()
    this.#isEnding = true
    this.#bell.ring()
    if (this.#failures > 0) this.#end.abort()
    const cancel = clock.after(graceMs, () => this.#end.abort())
    await this.#running
    cancel()
    await post.close()
  }

  /** Ends at once, also in the middle of a request: a successor goes on. */
  async cut(): Promise<void> {
    this.#end.abort()
    await this.stop(0)
  }

  async #run(): Promise<void> {
    const { places, endpoint, log } = this.#options
    for (;;) {
      try {
        while (await this.#readOn());
        await places.keepWhenDue()
      } catch (error) {
        if (this.#end.signal.aborted) return
        log.error({ endpoint: endpoint.name, err: error }, 'the journal could not be read for an endpoint')
        this.#ringAfter(endpoint.backoffMs)
      }
      if (this.#isEnding) return
      const cancel = places.isKept ? undefined : this.#ringAfter(KEEP_AGAIN_MS)
      await this.#bell.rung()
      cancel?.()
    }
  }

  #ringAfter(ms: number): () => void {
    return this.#options.clock.after(ms, () => this.#bell.ring())
  }

  /** One portion; false when there is none. */
  async #readOn(): Promise<boolean> {
    const { journal, places } = this.#options
    for (const place of places.all) {
      const { entries, position, isLost } = await journal.readPart(place.part, place.position)
      const at = isLost ? { ...place, position: undefined } : place
      let { number } = at
      if (isLost) places.move(at)
      for (const entry of entries) {
        await this.#pass(entry, { ...at, number })
        number = Math.max(number, entry.number)
        // A bookmark names the beginning of the portion, and the last entry that is done with.
        places.move({ ...at, number })
        await places.keepWhenDue()
      }
      if (entries.length > 0) {
        places.move({ ...at, position, number })
        return true
      }
      if (place.part !== journal.part) {
        this.#countLost(place.last - number)
        await places.finish(place)
      }
    }
    return false
  }

  /** The journal keeps so much and no more: what an endpoint did not take in time is gone. */
  #countLost(lost: number): void {
    const { log, endpoint, counters } = this.#options
    if (lost <= 0) return
    log.warn(
      { endpoint: endpoint.name, lost },
      'the endpoint will never hear of some events: the journal does not keep them any more',
    )
    counters.lost(lost)
  }

  async #pass(entry: JournalEntry, { part, number }: Place): Promise<void> {
    const { endpoint, sender } = this.#options
    if (entry.number > 0 && entry.number <= number) return
    this.#countLost(entry.number - number - 1)
    const event = eventOf(entry, { ...sender(), part })
    if (event !== undefined && isWanted(event, endpoint)) await this.#tell(event)
  }

  /** @throws when there is no time left */
  async #tell(event: NotificationEvent): Promise<void> {
    const { endpoint, post, counters, clock, log } = this.#options
    const { name, threshold, backoffMs } = endpoint
    const body = JSON.stringify({ events: [event] })
    const { signal } = this.#end
    for (;;) {
      signal.throwIfAborted()
      try {
        await post.send(body, signal)
        counters.sent()
        if (this.#failures >= threshold) log.info({ endpoint: name }, 'the endpoint takes events again')
        this.#failures = 0
        return
      } catch (error) {
        if (this.#isEnding) this.#end.abort()
        signal.throwIfAborted()
        counters.failed()
        this.#failures += 1
        const why = Error.isError(error) ? error.message : String(error)
        if (this.#failures === threshold)
          log.warn({ endpoint: name, why }, 'the endpoint takes no events; each further try waits')
        if (this.#failures >= threshold) await clock.sleep(backoffMs, signal)
      }
    }
  }
}

function isWanted({ action, target }: NotificationEvent, endpoint: EndpointSettings): boolean {
  const { ignoredActions, ignoredMediaTypes } = endpoint
  return !ignoredActions.includes(action) && !ignoredMediaTypes.includes(target.mediaType ?? '')
}

/** Wakes the one who waits; a ring that nobody waited for is not lost. */
class Bell {
  #isRung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** At once when it has rung since the last time. */
  async rung(): Promise<void> {
    if (!this.#isRung)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    this.#isRung = false
    this.#wake = undefined
  }
}
