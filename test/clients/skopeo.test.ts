import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { ImageLayout } from '../support/image-layout.js'
import { MEDIA_TYPES } from '../support/images.js'
import { type Front, ServedVolume, serverUnderTest, uploadsAmong } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { type Suite, Toolbox } from '../support/toolbox.js'

const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
]

const CASES: readonly { suite: Suite; front: Front }[] = [
  { suite: 'own', front: 'plain HTTP' },
  { suite: 'sid', front: 'plain HTTP' },
  { suite: 'sid', front: 'nginx with TLS' },
]

describe.each(CASES)("Debian's skopeo ($suite) by $front", ({ suite, front }) => {
  let state: StateFolder
  let volume: ServedVolume
  let tools: Toolbox
  let layout: ImageLayout
  let indexDigest: string
  let layers: ReadonlySet<string>

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest(), front)
    tools = await Toolbox.open(suite, state, volume.caFile)
    process.stdout.write(await tools.run('skopeo', '--version'))
    layout = new ImageLayout(state.join('layout'))
    const shape = { seed: `skopeo ${suite}`, layers: 3, layerBytes: 500_000 }
    const { index, images } = layout.addIndex('multi', shape, PLATFORMS)
    indexDigest = index.digest
    layers = new Set(images.flatMap((image) => image.layers.map(({ digest }) => digest)))
  })
  afterAll(async () => {
    await volume.close()
    await state.destroy()
  })

  function copy(from: string, to: string, ...options: readonly string[]): Promise<string> {
    const plain = volume.flagsForPlain('--src-tls-verify=false', '--dest-tls-verify=false')
    return tools.run('skopeo', '--insecure-policy', 'copy', '--all', ...plain, ...options, from, to)
  }

  test('an index goes from a layout to a repository, to another, and back to a layout, byte for byte', async () => {
    await copy(`oci:${layout.folder}:multi`, `docker://${volume.host}/first/multi:1`)
    await copy(`docker://${volume.host}/first/multi:1`, `docker://${volume.host}/second/multi:1`)
    await copy(`docker://${volume.host}/second/multi:1`, `oci:${state.join('back')}:multi`)
    expect(await volume.manifest('second/multi', '1')).toMatchObject({
      mediaType: MEDIA_TYPES.ociIndex,
      digest: indexDigest,
    })
    expect(blobsOf(state.join('back'))).toEqual(blobsOf(layout.folder))
  })

  test('what another repository of the registry has is mounted', async () => {
    const from = volume.requests().length
    await copy(`docker://${volume.host}/first/multi:1`, `docker://${volume.host}/third/multi:1`)
    const lines = volume
      .requests()
      .slice(from)
      .map(({ line }) => line)
    expect(lines.filter((line) => /^POST .*[?&]mount=/.test(line))).not.toEqual([])
    expect(uploadsAmong(volume.requests().slice(from)).filter((digest) => layers.has(digest))).toEqual([])
  })

  test("an index becomes a list of Docker's schema 2, and comes back as that", async () => {
    const target = `docker://${volume.host}/docker/multi:1`
    await copy(`oci:${layout.folder}:multi`, target, '--format', 'v2s2')
    const list = await volume.manifest('docker/multi', '1')
    expect(list.mediaType).toBe(MEDIA_TYPES.dockerList)
    for (const { mediaType, digest } of list.json.manifests ?? []) {
      expect(mediaType).toBe(MEDIA_TYPES.dockerManifest)
      const child = await volume.manifest('docker/multi', digest)
      expect(child.json.layers?.map((layer) => layer.mediaType)).toEqual(
        Array(3).fill(MEDIA_TYPES.dockerLayer),
      )
    }
    expect(list.json.manifests).toHaveLength(PLATFORMS.length)
    await copy(target, `dir:${state.join('dir')}`)
    expect(readFileSync(state.join('dir/manifest.json'), 'utf8')).toBe(
      await tools.run('skopeo', 'inspect', '--raw', ...volume.flagsForPlain('--tls-verify=false'), target),
    )
  })

  test('an image is copied by its digest alone', async () => {
    const [child] = (await volume.manifest('first/multi', '1')).json.manifests ?? []
    const reference = `docker://${volume.host}/first/multi@${child?.digest}`
    await copy(reference, `docker://${volume.host}/single:1`, '--preserve-digests')
    expect((await volume.manifest('single', '1')).digest).toBe(child?.digest)
  })

  test('tags are listed, a repository is synchronised, a tag is deleted', async () => {
    const plain = volume.flagsForPlain('--tls-verify=false')
    const listed = await tools.run('skopeo', 'list-tags', ...plain, `docker://${volume.host}/first/multi`)
    expect(JSON.parse(listed)).toMatchObject({ Tags: ['1'] })
    const sync = ['sync', '--all', '--src', 'docker', '--dest', 'dir']
    const plainSource = volume.flagsForPlain('--src-tls-verify=false')
    const repository = `${volume.host}/first/multi`
    await tools.run('skopeo', '--insecure-policy', ...sync, ...plainSource, repository, state.join('sync'))
    expect(readdirSync(state.join('sync'))).toEqual(['multi:1'])
    await tools.run('skopeo', 'delete', ...plain, `docker://${volume.host}/third/multi:1`)
    const gone = await volume.client.head(`/v2/third/multi/manifests/${indexDigest}`)
    expect(gone.status).toBe(404)
  })

  test("Distribution's collector finds nothing to delete in what was copied", async () => {
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})

/** Names of the blobs of a layout, which are their digests. */
function blobsOf(folder: string): readonly string[] {
  return readdirSync(path.join(folder, 'blobs/sha256')).sort()
}
