import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { MEDIA_TYPES } from '../support/images.js'
import { type Front, ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { type Suite, Toolbox } from '../support/toolbox.js'

const ARCHITECTURES = ['amd64', 'arm64']
const FORMATS = [
  { format: 'oci', index: MEDIA_TYPES.ociIndex, image: MEDIA_TYPES.ociManifest },
  { format: 'v2s2', index: MEDIA_TYPES.dockerList, image: MEDIA_TYPES.dockerManifest },
]

const CASES: readonly { suite: Suite; front: Front }[] = [
  { suite: 'own', front: 'plain HTTP' },
  { suite: 'sid', front: 'nginx with TLS' },
]

describe.each(CASES)("Debian's buildah ($suite) by $front", ({ suite, front }) => {
  let state: StateFolder
  let volume: ServedVolume
  let tools: Toolbox

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest(), front)
    tools = await Toolbox.open(suite, state, volume.caFile)
    process.stdout.write(await tools.run('buildah', '--version'))
    mkdirSync(state.join('context'))
    writeFileSync(state.join('context/hello'), 'hello\n')
    writeFileSync(state.join('context/Containerfile'), 'FROM scratch\nCOPY hello /hello\n')
    await buildah('manifest', 'create', 'multi')
    for (const architecture of ARCHITECTURES) {
      const options = ['--platform', `linux/${architecture}`, '--isolation', 'chroot', '--manifest', 'multi']
      await buildah('build', '--quiet', ...options, state.join('context'))
    }
  })
  afterAll(async () => {
    await volume.close()
    await state.destroy()
  })

  /** Image storages of its own, one for what is built and one for what is pulled; plain files instead of an overlay. */
  function buildahIn(storage: string, args: readonly string[]): Promise<string> {
    const folders = ['--root', state.join(storage), '--runroot', state.join(`${storage}-run`)]
    return tools.run('buildah', ...folders, '--storage-driver', 'vfs', ...args)
  }
  const buildah = (...args: readonly string[]) => buildahIn('built', args)
  const buildahElsewhere = (...args: readonly string[]) => buildahIn('pulled', args)

  test.each(FORMATS)(
    'a list built for two platforms is pushed as $format with all its images',
    async (format) => {
      const target = `docker://${volume.host}/built/${format.format}:1`
      const options = ['--all', '--format', format.format, ...volume.flagsForPlain('--tls-verify=false')]
      await buildah('manifest', 'push', ...options, 'multi', target)
      const index = await volume.pullWhole(`built/${format.format}`, '1')
      expect(index.mediaType).toBe(format.index)
      const children = ARCHITECTURES.map((architecture) => ({
        mediaType: format.image,
        platform: { os: 'linux', architecture },
      }))
      expect(index.json.manifests).toMatchObject(children)
    },
  )

  test.each(FORMATS)(
    'the image of the other platform is pulled from the $format list',
    async ({ format }) => {
      const source = `docker://${volume.host}/built/${format}:1`
      const id = (
        await buildahElsewhere(
          'pull',
          '--quiet',
          ...volume.flagsForPlain('--tls-verify=false'),
          '--platform',
          'linux/arm64',
          source,
        )
      ).trim()
      const { json } = await volume.manifest(`built/${format}`, '1')
      const child = await volume.manifest(`built/${format}`, json.manifests?.[1]?.digest ?? '')
      expect(`sha256:${id}`).toBe(child.json.config?.digest)
      const architecture = ['--format', '{{.OCIv1.Architecture}}', '--type', 'image', id]
      expect((await buildahElsewhere('inspect', ...architecture)).trim()).toBe('arm64')
    },
  )

  test("Distribution's collector finds nothing to delete in what was pushed", async () => {
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
