import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { ImageLayout, type ImageShape, type LayoutImage } from '../support/image-layout.js'
import { type Server, ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { Toolbox } from '../support/toolbox.js'

const OURS = serverUnderTest()
const THEIRS: Server = 'docker-registry'
const SBOM = 'application/vnd.test.sbom'
const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
]

/** Each test stands on what the one before left on the volume, as an admin who changes programs does. */
describe('a volume served in turn by registry-core and by docker-registry', () => {
  let state: StateFolder
  let volume: ServedVolume
  let daemon: DockerDaemon
  let tools: Toolbox
  /** What is expected to be there, by repository, with the digest that its push was told. */
  const pushed = new Map<string, { readonly made: LayoutImage; readonly digest: string }>()
  let indexDigest: string
  /** What was attached to the index while each of them served. */
  const attached = { ours: new Array<string>(), theirs: new Array<string>() }

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, OURS)
    daemon = await DockerDaemon.start(state.join('docker'), {
      title: 'dockerd 20.10',
      suite: 'own',
      store: 'graph driver',
    })
    tools = await Toolbox.open('sid', state)
    mkdirSync(state.join('files'))
    writeFileSync(state.join('files/sbom.json'), '{"bom":1}')
  })
  afterAll(async () => {
    await volume.close()
    await state.destroy()
  })

  function shapeOf(repository: string): ImageShape {
    return { seed: `shared ${repository}`, layers: 3, layerBytes: 500_000 }
  }

  async function push(repository: string, base?: string): Promise<void> {
    const layout = new ImageLayout(state.join(`layout-${repository}`))
    const shape = { ...shapeOf(repository), ...(base === undefined ? {} : { base: shapeOf(base) }) }
    const made = layout.addImage(`${volume.host}/${repository}:latest`, shape)
    await daemon.load(layout.folder)
    pushed.set(repository, { made, digest: await daemon.push(`${volume.host}/${repository}`) })
  }

  /** Attaches a file to the index, as a scanner does with what it found. */
  async function attach(who: keyof typeof attached): Promise<void> {
    const annotation = ['--artifact-type', SBOM, '--annotation', `by=${who}`]
    const oras = ['env', '-C', state.join('files'), 'oras', 'attach', '--plain-http', '--format', 'json']
    const answer = await tools.run(...oras, ...annotation, `${volume.host}/index:1`, 'sbom.json:text/plain')
    attached[who].push((JSON.parse(answer) as { digest: string }).digest)
  }

  async function discovered(): Promise<readonly string[]> {
    const oras = ['oras', 'discover', '--plain-http', '--format', 'json', `${volume.host}/index:1`]
    const { referrers = [] } = JSON.parse(await tools.run(...oras)) as { referrers?: { digest: string }[] }
    return referrers.map(({ digest }) => digest).sort()
  }

  /** Ends one program, and starts the other on what it left. */
  async function replaceServer(next: Server): Promise<void> {
    await volume.stop()
    expect(await eligibleBlobs(volume.root)).toEqual([])
    await volume.serveWith(next)
  }

  /** The image is deleted and gone, pushed again and there: over the API, whoever serves. */
  async function expectDeleteAndPush(repository: string): Promise<void> {
    const reference = `${volume.host}/${repository}`
    const digest = pushed.get(repository)?.digest
    const answer = await volume.client.delete(`/v2/${repository}/manifests/${digest}`)
    expect(answer.status).toBe(202)
    expect((await daemon.attempt('pull', reference)).output).toMatch(/manifest unknown|not found/)
    expect(await daemon.push(reference)).toBe(digest)
  }

  /** Everything that was pushed so far is pulled by a daemon that has none of it. */
  async function expectEverything(): Promise<void> {
    for (const repository of pushed.keys()) await daemon.forget(`${volume.host}/${repository}`)
    for (const [repository, { made, digest }] of pushed) {
      await daemon.docker('pull', `${volume.host}/${repository}`)
      const { id, repositoryDigests } = await daemon.identity(`${volume.host}/${repository}`)
      expect(id).toBe(made.config.digest)
      expect(repositoryDigests).toEqual([`${volume.host}/${repository}@${digest}`])
    }
    const copy = ['skopeo', '--insecure-policy', 'copy', '--all', '--src-tls-verify=false']
    await tools.run(...copy, `docker://${volume.host}/index@${indexDigest}`, `dir:${state.join('copied')}`)
    for (const digest of [...attached.ours, ...attached.theirs]) {
      expect((await volume.manifest('index', digest)).digest).toBe(digest)
    }
  }

  test('ours takes images, an index and an attachment', async () => {
    await push('kept')
    await push('replaced')
    const layout = new ImageLayout(state.join('layout-index'))
    indexDigest = layout.addIndex('multi', shapeOf('index'), PLATFORMS).index.digest
    const copy = ['skopeo', '--insecure-policy', 'copy', '--all', '--dest-tls-verify=false']
    await tools.run(...copy, `oci:${layout.folder}:multi`, `docker://${volume.host}/index:1`)
    await attach('ours')
    await expectEverything()
    expect(await discovered()).toEqual(attached.ours)
  })

  test('theirs serves what ours took, takes more, deletes, and takes it again', async () => {
    await replaceServer(THEIRS)
    await expectEverything()
    await push('theirs', 'kept')
    await expectDeleteAndPush('replaced')
    await attach('theirs') // theirs has no referrers API: the client keeps a list under a tag
    await expectEverything()
  })

  test('ours serves what theirs left, deletes, and takes it again', async () => {
    await replaceServer(OURS)
    await expectEverything()
    await expectDeleteAndPush('theirs')
    await push('ours', 'theirs')
    await expectEverything()
  })

  // The list under the tag is read only after the foreign writer was noticed, a minute after the start.
  test('what was attached while theirs served is listed by ours', async () => {
    expect(await discovered()).toEqual([...attached.ours, ...attached.theirs].sort())
  })

  test('theirs serves all of it once more', async () => {
    await replaceServer(THEIRS)
    await expectEverything()
  })

  test("Distribution's collector finds nothing to delete at the end", async () => {
    await volume.stop()
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
