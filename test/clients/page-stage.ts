import { afterAll, beforeAll, beforeEach } from '@jest/globals'

import { holdImage } from '../support/held-image.js'
import type { LayoutImage } from '../support/image-layout.js'
import { MirroredHubs } from '../support/mirrored-hubs.js'
import { StateFolder } from '../support/state-folder.js'

/** The product as a mirror of two hubs, for a client with the files of its page; they hold what its commands pull. */
export interface PageStage {
  readonly state: StateFolder
  readonly hubs: MirroredHubs
  /** busybox of Docker Hub, with the tag `1`. */
  readonly official: LayoutImage
  /** prometheus/busybox of quay.io, likewise. */
  readonly theirs: LayoutImage
}

/** Has one while the tests of a suite run; who asked for what is forgotten before each of them. */
export function usePageStage(stopClient?: () => Promise<void>): PageStage {
  let open: PageStage | undefined
  const opened = (): PageStage => {
    if (open === undefined) throw new Error('the hubs did not start')
    return open
  }
  beforeAll(async () => {
    const state = new StateFolder()
    const hubs = await MirroredHubs.start()
    const shape = { state, layers: 1, layerBytes: 10_000 }
    const official = holdImage(hubs.hub, 'library/busybox', { ...shape, seed: 'official' })
    const theirs = holdImage(hubs.quay, 'prometheus/busybox', { ...shape, seed: 'theirs' })
    open = { state, hubs, official, theirs }
  })
  afterAll(async () => {
    await stopClient?.()
    await open?.hubs.close()
    await open?.state.destroy()
  })
  beforeEach(() => opened().hubs.forgetRequests())
  return {
    get state() {
      return opened().state
    },
    get hubs() {
      return opened().hubs
    },
    get official() {
      return opened().official
    },
    get theirs() {
      return opened().theirs
    },
  }
}
