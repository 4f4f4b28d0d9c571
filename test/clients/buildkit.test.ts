import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { ImageLayout } from '../support/image-layout.js'
import { ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'

/** What stands beside an image in the index of a build, and says how it was made. */
const ATTESTATION = { 'vnd.docker.reference.type': 'attestation-manifest' }

describe('the BuildKit in dockerd 28, as a CI uses it', () => {
  let state: StateFolder
  let volume: ServedVolume
  let daemon: DockerDaemon
  let context: string

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest())
    daemon = await DockerDaemon.start(state.join('docker'), {
      title: 'dockerd 28, containerd store',
      suite: 'sid',
      store: 'containerd',
    })
    const layout = new ImageLayout(state.join('layout'))
    layout.addImage(`${volume.host}/base:latest`, { seed: 'buildkit', layers: 2, layerBytes: 1_000_000 })
    await daemon.load(layout.folder)
    await daemon.push(`${volume.host}/base`)
    context = state.join('docker/context') // where the daemon's own root shows it
    mkdirSync(context)
    writeFileSync(`${context}/hello`, 'hello\n')
    const steps = ['COPY hello /hello', 'RUN ["/bin/busybox", "touch", "/ran"]']
    writeFileSync(`${context}/Dockerfile`, [`FROM ${volume.host}/base`, ...steps].join('\n'))
  })
  afterAll(async () => {
    await volume.close()
    await state.destroy()
  })

  function build(...options: readonly string[]): Promise<string> {
    const network = ['--network', 'none'] // else it wants a bridge, which this daemon has not
    return daemon.docker('buildx', 'build', '--quiet', ...network, '--provenance=true', ...options, context)
  }

  test('an image built on one of the registry is pushed with its provenance, the base mounted', async () => {
    await build('--tag', `${volume.host}/built:1`)
    const from = volume.requests().length
    const digest = await daemon.push(`${volume.host}/built:1`)
    const mounts = volume
      .requests()
      .slice(from)
      .filter(({ line }) => line.includes('from=base'))
    expect(mounts).toHaveLength(2)
    const index = await volume.pullWhole('built', '1')
    expect(index.digest).toBe(digest)
    expect(index.json.manifests).toMatchObject([{}, { annotations: ATTESTATION }])
  })

  test('a build pushes by itself, with its cache, and a later one finds the cache in the registry', async () => {
    const cache = `type=registry,ref=${volume.host}/cache:1`
    await build('--push', '--cache-to', `${cache},mode=max`, '--tag', `${volume.host}/pushed:1`)
    await volume.pullWhole('pushed', '1')
    const { json } = await volume.pullWhole('cache', '1')
    expect(json.config?.mediaType).toBe('application/vnd.buildkit.cacheconfig.v0')
    await daemon.docker('builder', 'prune', '--all', '--force')
    const from = volume.requests().length
    const options = ['--network', 'none', '--progress', 'plain', '--cache-from', cache]
    const { output } = await daemon.attempt('buildx', 'build', ...options, context)
    expect(output.match(/ CACHED$/gm)).toHaveLength(['COPY', 'RUN'].length)
    expect(
      volume
        .requests()
        .slice(from)
        .map(({ line }) => line),
    ).toContain('HEAD /v2/cache/manifests/1')
  })

  test('images of several repositories become one index, by buildx and by docker manifest', async () => {
    const target = `${volume.host}/joined:1`
    const sources = [`${volume.host}/pushed:1`, `${volume.host}/built:1`]
    await daemon.docker('buildx', 'imagetools', 'create', '--tag', target, ...sources)
    const { json } = await volume.pullWhole('joined', '1')
    expect(json.manifests).toMatchObject([{}, { annotations: ATTESTATION }, { annotations: ATTESTATION }])
    await daemon.docker('manifest', 'create', '--insecure', `${volume.host}/older:1`, `${volume.host}/base`)
    await daemon.docker('manifest', 'push', '--insecure', `${volume.host}/older:1`)
    expect((await volume.pullWhole('older', '1')).json.manifests).toHaveLength(1)
  })

  test("Distribution's collector finds nothing to delete in what was pushed", async () => {
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
