import { afterAll, beforeAll } from '@jest/globals'

import { FakeUpstream, type FakeUpstreamOptions } from '../support/fake-upstream/fake-upstream.js'
import { type Mirror, type MirrorOptions, startMirror } from '../support/mirror.js'

type Settings = Readonly<Record<string, unknown>>

/** Scripted upstreams, and a mirror of them; the first one is what bare names mean. */
export interface Scene<Host extends string> {
  readonly mirror: Mirror
  readonly upstreams: { readonly [H in Host]: FakeUpstream }
}

export interface SceneOptions<Host extends string> extends Omit<MirrorOptions, 'upstreams'> {
  /** What each upstream is like, and its further settings in the mirror's file. */
  readonly hosts: {
    readonly [H in Host]: {
      readonly upstream?: FakeUpstreamOptions
      readonly settings?: Settings | ((upstreams: { readonly [U in Host]: FakeUpstream }) => Settings)
    }
  }
}

/** Runs one while the tests of a suite do. */
export function useScene<Host extends string>(options: SceneOptions<Host>): Scene<Host> {
  let open: (Scene<Host> & { close(): Promise<void> }) | undefined
  beforeAll(async () => {
    open = await openScene(options)
  })
  afterAll(async () => open?.close())
  const opened = (): Scene<Host> => {
    if (open === undefined) throw new Error('the mirror did not start')
    return open
  }
  return {
    get mirror() {
      return opened().mirror
    },
    get upstreams() {
      return opened().upstreams
    },
  }
}

export async function openScene<Host extends string>({
  hosts,
  ...options
}: SceneOptions<Host>): Promise<Scene<Host> & { close(): Promise<void> }> {
  const names = keysOf(hosts)
  const started = await Promise.all(names.map((host) => FakeUpstream.start(hosts[host].upstream)))
  const upstreams = Object.fromEntries(names.map((host, at) => [host, started[at]])) as Record<
    Host,
    FakeUpstream
  >
  const closeUpstreams = (): Promise<unknown> => Promise.all(started.map((upstream) => upstream.close()))
  try {
    const entries = names.map((host) => {
      const { settings } = hosts[host]
      return {
        host,
        at: upstreams[host],
        ...(typeof settings === 'function' ? settings(upstreams) : settings),
      }
    })
    const mirror = await startMirror({ ...options, upstreams: entries })
    return {
      mirror,
      upstreams,
      async close() {
        await mirror.remove()
        await closeUpstreams()
      },
    }
  } catch (error) {
    await closeUpstreams()
    throw error
  }
}

function keysOf<K extends string>(record: { readonly [P in K]: unknown }): readonly K[] {
  return Object.keys(record) as K[]
}
