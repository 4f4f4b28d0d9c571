import type { NotificationEvent } from '#core/notifications/envelope.js'
import { type Notifications, openNotifications } from '#core/notifications/open-notifications.js'
import type { Post } from '#core/notifications/post.js'
import type { EndpointSettings } from '#core/notifications/settings.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import { FakeClock, outcome, turn } from '../fake-clock.js'
import { SimulatedDisk } from '../simulated-disk.js'
import { SimulatedFs } from '../simulated-fs.js'
import { openProcess, STORE_ROOT } from '../simulated-store.js'
import { endpoint } from './endpoint.js'

const REPOSITORY = parseRepositoryName('a/b')
const ACTOR = {
  ...{ requestId: 'r', remoteAddress: '', method: 'DELETE', userAgent: '', account: 'ci', origin: '' },
}
/** More turns of the loop than a portion of the journal takes on its way to an endpoint. */
const TURNS = 200

/** One disk, and the processes on it. */
export class Machine {
  readonly clock = new FakeClock()
  readonly disk = new SimulatedDisk(() => this.clock.now())
  readonly alive = new Set<NotifyingProcess>()

  constructor() {
    this.disk.makeDirectory(STORE_ROOT)
    this.disk.makeDirectory('/proc')
    this.disk.makeDirectory('/proc/1')
    this.disk.syncDirectory('/')
  }

  start(
    seed: number,
    endpoints: readonly EndpointSettings[] = [endpoint()],
    boot = 'boot',
  ): Promise<NotifyingProcess> {
    return NotifyingProcess.start(this, seed, endpoints, boot)
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
    for (const process of this.alive) await process.clock.advance(ms)
    await settled()
  }

  journalFiles(): readonly string[] {
    const folder = `${STORE_ROOT}/entrepot/journal`
    return this.disk.list(folder)?.map(({ name }) => `${folder}/${name}`) ?? []
  }

  bookmarks(): readonly string[] {
    const folder = `${STORE_ROOT}/entrepot/bookmarks`
    return (this.disk.list(folder) ?? []).flatMap(({ name }) =>
      (this.disk.list(`${folder}/${name}`) ?? []).map((entry) => entry.name),
    )
  }
}

/** A process that notifies: what it posted, and whether that is taken. */
class NotifyingProcess {
  readonly fs: SimulatedFs
  /** Its own, so that a killed one keeps nobody waiting. */
  readonly clock: FakeClock
  readonly posts: { readonly url: string; readonly event: NotificationEvent }[] = []
  readonly lost: number[] = []
  readonly said: string[] = []
  takes = true
  readonly #machine: Machine
  #notifications: Notifications | undefined
  #store: OpenedStore | undefined

  private constructor(machine: Machine) {
    this.#machine = machine
    this.fs = new SimulatedFs(machine.disk)
    this.clock = new FakeClock({ start: new Date(machine.clock.now()) })
  }

  static async start(
    machine: Machine,
    seed: number,
    endpoints: readonly EndpointSettings[],
    boot: string,
  ): Promise<NotifyingProcess> {
    const process = new NotifyingProcess(machine)
    const { clock, fs } = process
    const { store } = await outcome(clock, openProcess({ fs, clock, seed, boot }))
    machine.alive.add(process)
    process.#store = store
    const say = (_fields: object, sentence: string): void => void process.said.push(sentence)
    process.#notifications = await outcome(
      clock,
      openNotifications({
        ...{
          store,
          clock,
          address: 'box:5000',
          externalUrl: () => undefined,
          log: { info: say, warn: say, error: say },
        },
        settings: { includeReferences: false, endpoints },
        metrics: {
          endpoint: () => ({
            sent: () => undefined,
            failed: () => undefined,
            lost: (events) => void process.lost.push(events),
          }),
          watchPending: () => undefined,
          forget: () => undefined,
        },
        openPost: ({ url }) => process.#postTo(url),
      }),
    )
    return process
  }

  get notifications(): Notifications {
    if (this.#notifications === undefined) throw new Error('it has not started')
    return this.#notifications
  }

  #postTo(url: string): Post {
    return {
      send: async (body) => {
        const { events } = JSON.parse(body) as { readonly events: readonly NotificationEvent[] }
        for (const event of events) this.posts.push({ url, event })
        if (!this.takes) throw new Error('not now')
      },
      close: async () => undefined,
    }
  }

  async happen(...tags: readonly string[]): Promise<void> {
    for (const tag of tags)
      this.#store?.journal.append({ kind: 'tag-deleted', repository: REPOSITORY, tag: parseTag(tag) }, ACTOR)
    await this.#store?.journal.flush()
    await settled()
  }

  /** The tags that were posted, each try. */
  get tags(): readonly (string | undefined)[] {
    return this.posts.map(({ event }) => event.target.tag)
  }

  /** How often it has put a bookmark in its place. */
  get bookmarksWritten(): number {
    return this.fs.calls.filter(({ name, to }) => name.startsWith('rename') && to?.includes('/bookmarks/'))
      .length
  }

  /** As kill -9 does. */
  kill(): void {
    this.#machine.alive.delete(this)
    this.fs.kill()
  }

  async stop(): Promise<void> {
    this.#machine.alive.delete(this)
    await outcome(this.clock, this.notifications.stop(1000))
    await this.#store?.close()
  }
}

/** All that runs now has come to its end, or waits for its clock. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns += 1) await turn()
}
