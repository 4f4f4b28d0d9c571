import { beforeAll, describe, expect, test } from '@jest/globals'

import { readBlock, writeFiles } from '../support/client-page.js'
import { Containerd } from '../support/containerd.js'
import { ImageService } from '../support/image-service.js'
import type { Suite } from '../support/toolbox.js'
import { usePageStage } from './page-stage.js'

const CASES: readonly { suite: Suite; version: string }[] = [
  { suite: 'own', version: '1.x' },
  { suite: 'sid', version: '2.x' },
]

describe.each(CASES)(
  'containerd $version with the files of docs/clients/containerd.md',
  ({ suite, version }) => {
    let containerd: Containerd
    const stage = usePageStage(() => containerd.stop())

    beforeAll(async () => {
      const { state, hubs } = stage
      const configuration = readBlock(
        'containerd',
        `/etc/containerd/config.toml of ${version}`,
        hubs.addresses,
      )
      containerd = await Containerd.start(suite, state, {
        ...{ host: hubs.addresses.registry, caFile: undefined, clientCertificate: undefined },
        configuration: inState(configuration),
      })
      writeFiles('containerd', '/etc/containerd/certs.d/', state.join('certs.d'), hubs.addresses)
    })

    /** The page has the folder where it is on a machine. */
    function inState(text: string): string {
      return text.replace('/etc/containerd/certs.d', stage.state.join('certs.d'))
    }

    test('pulls as the kubelet asks it to from the mirror', async () => {
      const service = new ImageService(containerd.socket)
      const [, , name = ''] = readBlock('containerd', 'kubernetes', stage.hubs.addresses).trim().split(' ')
      const pulled = await service.pull(name.replace(':latest', ':1'))
      service.close()
      expect(pulled).toMatchObject({ code: 0, output: expect.stringContaining(stage.theirs.config.digest) })
      expect(stage.hubs.asked).toEqual([0, ['manifest', 'config', 'layer'].length])
    })

    test('pulls from the mirror by the commands of the page, each image from its own registry', async () => {
      const commands = readBlock('containerd', 'ctr', stage.hubs.addresses).trim().split('\n')
      for (const command of commands) {
        const words = inState(command).replace(':latest', ':1')
        await containerd.ctr(...words.split(' ').slice(1))
      }
      const listed = await containerd.ctr('images', 'ls')
      expect(commands).toHaveLength(2)
      for (const { manifest } of [stage.official, stage.theirs]) expect(listed).toContain(manifest.digest)
      expect(stage.hubs.asked[0]).toBeGreaterThan(0)
      expect(stage.hubs.asked[1]).toBe(0) // the kubelet had it already
    })
  },
)
