import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'

import { attempt, run } from '../support/commands.js'
import { eligibleBlobs } from '../support/distribution.js'
import { eventually } from '../support/eventually.js'
import { ImageLayout } from '../support/image-layout.js'
import { type RunningProcess, startProcess } from '../support/processes.js'
import { supportScript } from '../support/scripts.js'
import { type Front, ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { type Suite, sidRoot } from '../support/toolbox.js'

jest.setTimeout(120_000)

const CASES: readonly { suite: Suite; front: Front }[] = [
  { suite: 'own', front: 'plain HTTP' },
  { suite: 'own', front: 'TLS of its own' },
  { suite: 'sid', front: 'nginx with TLS' },
]
const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
]

describe.each(CASES)("Debian's containerd ($suite) by $front", ({ suite, front }) => {
  let state: StateFolder
  let volume: ServedVolume
  let daemon: RunningProcess
  let reference: string
  let digest: string

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest(), front)
    reference = `${volume.host}/multi:1`
    writeConfiguration()
    const [program = '', ...args] = await commandOf('run', 'containerd', '-c', state.join('c/config.toml'))
    daemon = await startProcess(program, args)
    await eventually('containerd answers', async () => (await ctrOutcome('version')).code === 0)
    process.stdout.write(await ctr('--version'))
    const layout = new ImageLayout(state.join('layout'))
    const shape = { seed: `containerd ${suite}`, layers: 3, layerBytes: 2_000_000 }
    digest = layout.addIndex(reference, shape, PLATFORMS).index.digest
    await run('tar', [
      '-C',
      layout.folder,
      '-cf',
      state.join('image.tar'),
      'blobs',
      'index.json',
      'oci-layout',
    ])
    await ctr('images', 'import', '--all-platforms', state.join('image.tar'))
  })
  afterAll(async () => {
    await daemon.stop()
    await volume.close()
    await state.destroy()
  })

  function writeConfiguration(): void {
    const hosts = state.join(`certs.d/${volume.host}`)
    mkdirSync(hosts, { recursive: true })
    const server = `https://${volume.host}`
    const shown = volume.clientCertificate
    const table = [
      `[host."${server}"]`,
      `ca = "${volume.caFile}"`,
      'capabilities = ["pull", "resolve", "push"]',
      ...(shown === undefined ? [] : [`client = [["${shown.certificate}", "${shown.key}"]]`]),
    ]
    if (volume.caFile !== undefined)
      writeFileSync(`${hosts}/hosts.toml`, [`server = "${server}"`, ...table].join('\n'))
    mkdirSync(state.join('c'))
    const folders = [`root = "${state.join('c/root')}"`, `state = "${state.join('c/state')}"`]
    const grpc = ['[grpc]', `address = "${state.join('c/containerd.sock')}"`]
    writeFileSync(state.join('c/config.toml'), ['version = 2', ...folders, ...grpc].join('\n'))
  }

  /** Runs the daemon, or what speaks to it, in the suite. */
  async function commandOf(how: 'run' | 'exec', ...command: readonly string[]): Promise<readonly string[]> {
    if (suite === 'own') return command
    const place = how === 'exec' ? [] : [await sidRoot()]
    const bind = how === 'exec' ? [] : ['--bind', `${state.path}=${state.path}`]
    return [supportScript('debian-root.sh'), how, ...place, state.join('root'), ...bind, ...command]
  }

  async function ctrOutcome(...args: readonly string[]): ReturnType<typeof attempt> {
    const command = ['ctr', '--address', state.join('c/containerd.sock'), ...args]
    const [program = '', ...rest] = await commandOf('exec', ...command)
    return attempt(program, rest)
  }

  async function ctr(...args: readonly string[]): Promise<string> {
    const { code, output } = await ctrOutcome(...args)
    if (code !== 0) throw new Error(`ctr ${args.join(' ')} ended with ${code}:\n${output}`)
    return output
  }

  function reach(): readonly string[] {
    return volume.caFile === undefined ? ['--plain-http'] : ['--hosts-dir', state.join('certs.d')]
  }

  test('pushes an index with the images of all its platforms', async () => {
    await ctr('images', 'push', ...reach(), reference)
    expect((await volume.pullWhole('multi', '1')).digest).toBe(digest)
  })

  test('pulls all of it after it has thrown it away, over a connection that is cut in a layer', async () => {
    await ctr('images', 'rm', '--sync', reference)
    expect(await ctr('content', 'ls', '--quiet')).toBe('')
    const cut = volume.faults.cutOnce('down', 1_000_000)
    const from = volume.requests().length
    await ctr('images', 'pull', ...reach(), '--all-platforms', reference)
    await cut
    expect(await ctr('images', 'ls')).toContain(digest)
    const asked = volume.requests().slice(from)
    expect(asked.filter(({ isPartial }) => isPartial)).not.toEqual([])
  })

  test("Distribution's collector finds nothing to delete in what was pushed", async () => {
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
