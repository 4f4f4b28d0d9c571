import { copyFileSync, mkdirSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { ImageLayout } from '../support/image-layout.js'
import { ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { type Suite, Toolbox } from '../support/toolbox.js'

const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
]

/** podman, buildah and skopeo read one folder for each registry: *.crt authorities, *.cert and *.key what they show. */
describe.each<Suite>(['own', 'sid'])('a registry that wants certificates, and the clients of %s', (suite) => {
  let state: StateFolder
  let volume: ServedVolume
  let tools: Toolbox
  let layout: ImageLayout
  let digest: string

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest(), 'TLS of its own')
    tools = await Toolbox.open(suite, state)
    const { caFile, clientCertificate } = volume
    if (caFile === undefined || clientCertificate === undefined) throw new Error('no certificates')
    for (const folder of ['known', 'nobody']) {
      mkdirSync(state.join(folder))
      copyFileSync(caFile, state.join(`${folder}/ca.crt`))
    }
    copyFileSync(clientCertificate.certificate, state.join('known/client.cert'))
    copyFileSync(clientCertificate.key, state.join('known/client.key'))
    layout = new ImageLayout(state.join('layout'))
    digest = layout.addIndex('multi', { seed: suite, layers: 3, layerBytes: 500_000 }, PLATFORMS).index.digest
  })
  afterAll(async () => {
    await volume.close()
    await state.destroy()
  })

  function skopeo(certificates: string, from: string, to: string): Promise<{ code: number | null }> {
    const folders = ['--src-cert-dir', '--dest-cert-dir'].flatMap((flag) => [flag, state.join(certificates)])
    return tools.attempt('skopeo', '--insecure-policy', 'copy', '--all', ...folders, from, to)
  }

  test('skopeo pushes an index and copies it back, with its certificate', async () => {
    const name = `docker://${volume.host}/multi:1`
    expect(await skopeo('known', `oci:${layout.folder}:multi`, name)).toMatchObject({ code: 0 })
    expect((await volume.pullWhole('multi', '1')).digest).toBe(digest)
    expect(await skopeo('known', name, `oci:${state.join('back')}:multi`)).toMatchObject({ code: 0 })
  })

  test('skopeo gets nothing without one', async () => {
    const name = `docker://${volume.host}/other:1`
    const from = volume.requests().length
    expect(await skopeo('nobody', `oci:${layout.folder}:multi`, name)).toMatchObject({ code: 1 })
    expect(volume.requests().slice(from)).toEqual([])
  })

  test.each(['podman', 'buildah'])('%s pulls with it, and not without', async (program) => {
    const storage = ['--root', state.join(program), '--runroot', state.join(`${program}-run`)]
    const pull = (certificates: string) =>
      tools.attempt(
        ...[program, ...storage, '--storage-driver', 'vfs', 'pull', '--quiet'],
        ...['--cert-dir', state.join(certificates), `docker://${volume.host}/multi:1`],
      )
    expect((await pull('nobody')).code).not.toBe(0)
    expect(await pull('known')).toMatchObject({ code: 0 })
  })

  test("Distribution's collector finds nothing to delete in what was pushed", async () => {
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
