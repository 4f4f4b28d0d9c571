import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach } from '@jest/globals'

import { FakeUpstream, type FakeUpstreamOptions } from '../support/fake-upstream/fake-upstream.js'
import { type Mirror, type MirrorOptions, startMirror } from '../support/mirror.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore } from '../support/targets.js'

/** One process on the folder's store. */
export interface Served {
  readonly client: RegistryClient
  /** The store stays. */
  end(): Promise<void>
}

/** A folder and what a test opens beside it, one after the other or at once: all of it ends with the test. */
export interface OneFolder {
  readonly path: string
  /** Of its store. */
  readonly root: string
  upstream(options?: FakeUpstreamOptions): Promise<FakeUpstream>
  /** As registry:2 has it: with `proxy` of an upstream, or a registry. */
  serve(upstream?: FakeUpstream, start?: typeof startCore): Promise<Served>
  /** With `mirrors`, on a store of its own unless `root` names this one. */
  mirror(options: MirrorOptions): Promise<Mirror>
  /** What was opened last is ended first. */
  atTheEnd(end: () => Promise<unknown>): void
}

/** Has one for each test. */
export function useOneFolder(): OneFolder {
  let folder = ''
  let opened = new AsyncDisposableStack()
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    opened = new AsyncDisposableStack()
    opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  })
  afterEach(() => opened.disposeAsync())
  return {
    get path() {
      return folder
    },
    get root() {
      return path.join(folder, 'store')
    },
    async upstream(options) {
      return opened.adopt(await FakeUpstream.start(options), (upstream) => upstream.close())
    },
    async serve(upstream, start = startCore) {
      const config = upstream ? { proxy: { remoteurl: upstream.url } } : {}
      const target = await start({ root: this.root, config })
      const client = new RegistryClient(target.baseUrl)
      const end = async (): Promise<void> => {
        await client.close()
        await target.remove()
      }
      opened.defer(end)
      return { client, end }
    },
    async mirror(options) {
      return opened.adopt(await startMirror(options), (mirror) => mirror.remove())
    },
    atTheEnd: (end) => opened.defer(async () => void (await end())),
  }
}
