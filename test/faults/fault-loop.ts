import { eventually } from '../support/eventually.js'
import { type Content, type Image, makeImage, randomLayer } from '../support/images.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'
import { chanceFrom } from '../programs/stress/chance.js'
import { Promises } from './promises.js'
import { type CallPoint, pointsOf, traceProcess } from './strace.js'

/**
 * Every call that changes what is on a disk or what a client is told, and every opening. The kill comes before the
 * call is made; whatever lies between two of them is the same to the disk. A leading `?` lets strace pass over what
 * this machine has not.
 */
const CALLS = [
  ...['openat', 'pwrite64', 'pwritev', 'fsync', 'fdatasync', 'ftruncate', 'write', 'writev', 'utimensat'],
  ...['?rename', '?renameat', '?renameat2', '?link', '?linkat', '?mkdir', '?mkdirat'],
  ...['?unlink', '?unlinkat', '?rmdir'],
]

const KILL = 'signal=KILL'

export interface LoopOutcome {
  readonly hit: number
  /** Points that the work did not reach this time: threads share it differently from run to run. */
  readonly missed: readonly CallPoint[]
  /** Blobs and manifests that were acknowledged, and whole at the end. */
  readonly checked: number
}

/** A registry that suffers one fault after the other over one store, and what it has promised so far. */
export class FaultLoop {
  readonly #root: string
  readonly #promises = new Promises('fault/app')
  #core: Target
  #client: RegistryClient
  #round = 0

  private constructor(root: string, core: Target) {
    this.#root = root
    this.#core = core
    this.#client = new RegistryClient(core.baseUrl)
  }

  static async start(root: string): Promise<FaultLoop> {
    const loop = new FaultLoop(root, await startOne(root))
    // One round that makes every folder which later rounds find there.
    await loop.#promises.push(loop.#client, makeImage(), 'kept')
    await loop.#work(await loop.#material())
    return loop
  }

  async stop(): Promise<void> {
    await this.#client.close()
    await this.#core.remove()
  }

  /** Every point of one round of work. */
  async record(): Promise<readonly CallPoint[]> {
    const material = await this.#material()
    await using trace = await traceProcess(this.#core.process.pid, { calls: CALLS })
    await this.#work(material)
    await trace.detach()
    return pointsOf(trace.calls())
  }

  /** Kills before each point in turn, starts again, and looks at every promise. Throws at the first that is broken. */
  killAt(points: readonly CallPoint[]): Promise<LoopOutcome> {
    return this.#each(points, KILL, async (error) => {
      if (!(await endsBySigkill(this.#core))) throw error
      await this.#client.close()
      await this.#core.remove()
      this.#core = await startOne(this.#root)
      this.#client = new RegistryClient(this.#core.baseUrl)
    })
  }

  /** Lets each point in turn fail with an error of the system: what is asked fails in words, or not at all. */
  failAt(points: readonly CallPoint[], error: string): Promise<LoopOutcome> {
    return this.#each(points, `error=${error}`, async (failure) => {
      const text = Error.isError(failure) ? failure.message : String(failure)
      if (!/answered (503|507), not [^]*"code":"[A-Z_]+"/.test(text)) throw failure
    })
  }

  async #each(
    points: readonly CallPoint[],
    fault: string,
    onFailure: (error: unknown) => Promise<void>,
  ): Promise<LoopOutcome> {
    const missed: CallPoint[] = []
    for (const point of points) {
      try {
        if (!(await this.#suffer(point, fault, onFailure))) missed.push(point)
      } catch (cause) {
        const log = this.#core.process.log().split('\n').slice(-20).join('\n')
        throw new Error(`${fault} at ${point.call} ${point.count}: ${String(cause)}\n${log}`, { cause })
      }
    }
    const checked = await this.#promises.checkAll(this.#client)
    await this.#promises.checkCollection(this.#root)
    return { hit: points.length - missed.length, missed, checked }
  }

  /** Answers whether the fault came. */
  async #suffer(
    { call, count }: CallPoint,
    fault: string,
    onFailure: (error: unknown) => Promise<void>,
  ): Promise<boolean> {
    const material = await this.#material()
    let wasHit = false
    {
      await using trace = await traceProcess(this.#core.process.pid, {
        calls: [call],
        inject: `${fault}:when=${count}`,
      })
      try {
        await this.#work(material)
        await trace.detach()
        wasHit = trace.calls().some((line) => line.includes('(INJECTED)'))
      } catch (error) {
        wasHit = true
        await (fault === KILL ? trace.untilDead() : trace.detach())
        await onFailure(error)
      }
    }
    await this.#promises.check(this.#client)
    await this.#promises.push(this.#client, material.image, `again-${this.#round % 8}`) // a re-push always works
    return wasHit
  }

  async #material(): Promise<Material> {
    this.#round += 1
    const image = makeImage({ layers: 2, layerSizeBytes: 40_000 })
    const mounted = randomLayer(2000)
    await this.#client.pushBlob('fault/source', mounted)
    const old = makeImage({ layers: 1 })
    await this.#promises.push(this.#client, old, 'old')
    return { image, mounted, old }
  }

  /** What a busy registry is asked for: a mount, a push in chunks, a tag that moves, tags and manifests that go. */
  async #work({ image, mounted, old }: Material): Promise<void> {
    await this.#promises.mount(this.#client, 'fault/source', mounted)
    await this.#promises.push(this.#client, image, 'latest', 'chunks')
    await this.#promises.push(this.#client, image, `named-${this.#round % 5}`)
    await this.#promises.deleteTag(this.#client, 'old')
    await this.#promises.deleteManifest(this.#client, old)
  }
}

interface Material {
  readonly image: Image
  readonly mounted: Content
  readonly old: Image
}

function startOne(root: string): Promise<Target> {
  return startCore({ root, environment: { UV_THREADPOOL_SIZE: '1' } })
}

/** Whether the process was killed; one that goes on running was not. */
async function endsBySigkill({ process }: Target): Promise<boolean> {
  let signal: NodeJS.Signals | null | undefined
  void process.ended.then((ending) => {
    signal = ending.signal
  })
  try {
    return (await eventually('it has ended', () => signal ?? undefined, { deadlineMs: 3000 })) === 'SIGKILL'
  } catch {
    return false
  }
}

/** So many of the points, each call as often as the others and spread over its counts; others for another seed. */
export function choosePoints(
  points: readonly CallPoint[],
  count: number,
  seed: number,
): readonly CallPoint[] {
  const chance = chanceFrom(seed)
  const groups = [...Map.groupBy(points, ({ call }) => call).values()].sort((a, b) => a.length - b.length)
  const chosen: CallPoint[] = []
  for (const [index, group] of groups.entries()) {
    const share = Math.min(group.length, Math.floor((count - chosen.length) / (groups.length - index)))
    const step = group.length / share
    for (let part = 0; part < share; part += 1) {
      const point = group[Math.floor((part + chance()) * step)]
      if (point !== undefined) chosen.push(point)
    }
  }
  return chosen
}
