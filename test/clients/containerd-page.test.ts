import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'

import { readBlock, writeFiles } from '../support/client-page.js'
import { Containerd } from '../support/containerd.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { queryOf } from '../support/fake-upstream/seen-requests.js'
import { holdImage } from '../support/held-image.js'
import { ImageService } from '../support/image-service.js'
import { StateFolder } from '../support/state-folder.js'
import type { Suite } from '../support/toolbox.js'

jest.setTimeout(120_000)

const CASES: readonly { suite: Suite; version: string }[] = [
  { suite: 'own', version: '1.x' },
  { suite: 'sid', version: '2.x' },
]

describe.each(CASES)(
  'containerd $version with the files of docs/clients/containerd.md',
  ({ suite, version }) => {
    let state: StateFolder
    /** Stands where the mirror is, and shows what it is asked. */
    let box: FakeUpstream
    let containerd: Containerd
    let addresses: { readonly registry: string; readonly mirror: string }

    beforeAll(async () => {
      state = new StateFolder()
      box = await FakeUpstream.start()
      const here = `127.0.0.1:${box.port}`
      addresses = { registry: here, mirror: here }
      containerd = await Containerd.start(suite, state, {
        ...{ host: here, caFile: undefined, clientCertificate: undefined },
        configuration: inState(
          readBlock('containerd', `/etc/containerd/config.toml of ${version}`, addresses),
        ),
      })
      writeFiles('containerd', '/etc/containerd/certs.d/', state.join('certs.d'), addresses)
      for (const name of ['library/busybox', 'prometheus/busybox'])
        holdImage(box, name, { state, seed: name, layers: 1, layerBytes: 10_000 })
    })
    afterAll(async () => {
      await containerd.stop()
      await box.close()
      await state.destroy()
    })

    /** The page has the folder where it is on a machine. */
    function inState(text: string): string {
      return text.replace('/etc/containerd/certs.d', state.join('certs.d'))
    }

    function namespaces(): ReadonlySet<string | null> {
      return new Set(box.requests.map((seen) => queryOf(seen).get('ns')))
    }

    test('pulls as the kubelet asks it to from the mirror', async () => {
      const service = new ImageService(containerd.socket)
      const pulled = await service.pull('quay.io/prometheus/busybox:1')
      service.close()
      expect([pulled.code, namespaces()]).toEqual([0, new Set(['quay.io'])])
    })

    test('pulls from the mirror by the commands of the page, and says which registry it means', async () => {
      const commands = readBlock('containerd', 'ctr', addresses).trim().split('\n')
      for (const command of commands) {
        const words = inState(command).replace(':latest', ':1')
        await containerd.ctr(...words.split(' ').slice(1))
      }
      expect([commands.length, namespaces()]).toEqual([2, new Set(['docker.io', 'quay.io'])])
    })
  },
)
