import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { ImageLayout } from '../support/image-layout.js'
import { type Front, ServedVolume, serverUnderTest, uploadsAmong } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { Toolbox } from '../support/toolbox.js'

describe.each<Front>(['plain HTTP', 'nginx with TLS'])(
  'crane, the library of ko and kaniko, by %s',
  (front) => {
    let state: StateFolder
    let volume: ServedVolume
    let tools: Toolbox

    beforeAll(async () => {
      state = new StateFolder()
      volume = await ServedVolume.open(state, serverUnderTest(), front)
      tools = await Toolbox.open('sid', state, volume.caFile)
      process.stdout.write(await tools.run('dpkg-query', '-W', 'crane'))
    })
    afterAll(async () => {
      await volume.close()
      await state.destroy()
    })

    function crane(...args: readonly string[]): Promise<string> {
      return tools.run('crane', ...volume.flagsForPlain('--insecure'), ...args)
    }

    test('an image is pushed from a layout, validated in the registry, and copied with its layers mounted', async () => {
      const layout = new ImageLayout(state.join('layout'))
      const image = layout.addImage('app:1', { seed: 'crane', layers: 4, layerBytes: 500_000 })
      await crane('push', layout.folder, `${volume.host}/app:1`)
      expect(await crane('digest', `${volume.host}/app:1`)).toBe(`${image.manifest.digest}\n`)
      expect(await crane('validate', '--remote', `${volume.host}/app:1`)).toContain('PASS')
      const from = volume.requests().length
      await crane('copy', `${volume.host}/app:1`, `${volume.host}/copy:1`)
      expect(uploadsAmong(volume.requests().slice(from))).toEqual([])
      expect(await crane('validate', '--remote', `${volume.host}/copy:1`)).toContain('PASS')
    })

    test('a changed image shares the layers of the one it comes from', async () => {
      await crane('mutate', `${volume.host}/app:1`, '--label', 'a=b', '--tag', `${volume.host}/changed:1`)
      expect(await volume.layersOf('changed', '1')).toEqual(await volume.layersOf('app', '1'))
      expect(await crane('validate', '--remote', `${volume.host}/changed:1`)).toContain('PASS')
    })

    test('repositories and tags are listed, a tag is added, an image is deleted', async () => {
      await crane('tag', `${volume.host}/app:1`, 'second')
      const tags = await crane('ls', `${volume.host}/app`)
      expect(tags.trim().split('\n').sort()).toEqual(['1', 'second'])
      expect(await crane('catalog', volume.host)).toBe('app\nchanged\ncopy\n')
      const digest = (await crane('digest', `${volume.host}/copy:1`)).trim()
      await crane('delete', `${volume.host}/copy@${digest}`)
      expect(
        (
          await tools.attempt(
            'crane',
            ...volume.flagsForPlain('--insecure'),
            'digest',
            `${volume.host}/copy:1`,
          )
        ).code,
      ).toBe(1)
    })

    test("Distribution's collector finds nothing to delete in what was pushed", async () => {
      expect(await eligibleBlobs(volume.root)).toEqual([])
    })
  },
)
