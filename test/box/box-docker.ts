import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import { type ImageShape, ImageLayout, type LayoutImage } from '../support/image-layout.js'
import type { StateFolder } from '../support/state-folder.js'
import { BOX_NAME, type Login, MACHINE, type RunningBox } from './running-box.js'

export const KINDS = [
  { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' },
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
] as const satisfies readonly DaemonKind[]

/** A dockerd in a network of its own that knows a box by name, has its CA, and has it for its mirror. */
export class BoxDocker {
  readonly daemon: DockerDaemon
  /** Its repositories at the box. */
  readonly prefix: string
  readonly #state: StateFolder
  readonly #box: RunningBox

  private constructor(state: StateFolder, box: RunningBox, daemon: DockerDaemon, prefix: string) {
    this.#state = state
    this.#box = box
    this.daemon = daemon
    this.prefix = prefix
  }

  static async start(state: StateFolder, box: RunningBox, kind: DaemonKind): Promise<BoxDocker> {
    const { ports, caFile } = box
    const [registry, mirror] = [`${BOX_NAME}:${ports.tls}`, `${BOX_NAME}:${ports.mirrorTls}`]
    const prefix = kind.title.replaceAll(/\W+/g, '-')
    const daemon = await DockerDaemon.start(state.join(prefix), kind, {
      bridge: true,
      hosts: { [BOX_NAME]: MACHINE },
      authorities: { [registry]: caFile, [mirror]: caFile },
      // The containerd store fetches tokens without looking into certs.d.
      ...(kind.store === 'containerd' && { systemAuthority: caFile }),
      mirrors: [`https://${mirror}`],
    })
    process.stdout.write(`${kind.title}: ${await daemon.version()}`)
    return new BoxDocker(state, box, daemon, prefix)
  }

  get #host(): string {
    return `${BOX_NAME}:${this.#box.ports.tls}`
  }

  /** An image that only the daemon has yet, and what it is called at the box. */
  async make(name: string, shape: Partial<ImageShape> = {}): Promise<[reference: string, LayoutImage]> {
    const reference = `${this.#host}/${this.prefix}/${name}`
    const layout = new ImageLayout(this.#state.join(`layout-${this.prefix}-${name}`))
    const usual = { seed: `${this.prefix} ${name}`, layers: 3, layerBytes: 200_000 }
    const image = layout.addImage(`${reference}:latest`, { ...usual, ...shape })
    await this.daemon.load(layout.folder)
    return [reference, image]
  }

  async logIn({ name, password }: Login): Promise<void> {
    await this.daemon.docker('login', '--username', name, '--password', password, this.#host)
  }

  async logOut(): Promise<void> {
    await this.daemon.docker('logout', this.#host)
  }

  /** What it prints when it was pulled again. */
  async pullAndRun(reference: string): Promise<string> {
    if ((await this.daemon.attempt('image', 'inspect', reference)).code === 0)
      await this.daemon.forget(reference)
    await this.daemon.docker('pull', reference)
    return this.daemon.docker('run', '--rm', '--network', 'none', reference)
  }

  /** What a push under a name that is not there says when it is refused; the containerd store sends nothing else anew. */
  async refusedPush(reference: string): Promise<string> {
    await this.daemon.docker('tag', reference, `${reference}-refused`)
    const { code, output } = await this.daemon.attempt('push', `${reference}-refused`)
    await this.daemon.docker('image', 'rm', `${reference}-refused`)
    if (code === 0) throw new Error(`it was pushed:\n${output}`)
    return output
  }

  /** How fast it sends from now on; as fast as it goes when nothing is said. */
  async slowDown(rate?: string): Promise<void> {
    const limit = rate === undefined ? 'del' : 'add'
    const how = rate === undefined ? [] : ['tbf', 'rate', rate, 'burst', '64k', 'latency', '50ms']
    const { code, output } = await this.daemon.exec('tc', 'qdisc', limit, 'dev', 'eth0', 'root', ...how)
    if (code !== 0) throw new Error(`tc ${limit}: ${output}`)
  }
}
