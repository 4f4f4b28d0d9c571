import { beforeEach, describe, expect, test } from '@jest/globals'
import { withTurns } from '#core/mirror/watched/turns.js'
import type { Upstream } from '#core/mirror/upstream/upstream.js'
import { wrapUpstream } from '#core/mirror/watched/wrapped-upstream.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { FakeClock, turn } from '../fake-clock.js'
import { ScriptedUpstream } from './scripted-upstream.js'

const { signal } = new AbortController()

let clock: FakeClock
let upstream: Upstream
/** The questions that run, by their repositories, and what lets each go on. */
let running: { readonly repository: string; readonly end: () => void }[]
let refused: string[]

beforeEach(() => {
  clock = new FakeClock()
  running = []
  refused = []
  const scripted = wrapUpstream(new ScriptedUpstream(), ({ repository }, ask) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    running.push({ repository, end: resolve })
    return promise.then(ask)
  })
  upstream = withTurns(scripted, clock)
})

function ask(repository: string, count = 1): void {
  for (let asked = 0; asked < count; asked += 1)
    upstream.tags(parseRepositoryName(repository), { limit: 1, last: undefined }, signal).then(
      () => undefined,
      () => void refused.push(repository),
    )
}

describe('questions to an upstream', () => {
  test('of one repository do not keep those of another waiting', async () => {
    ask('noise/many', 500)
    ask('team/app')
    await turn()
    expect(running.length).toBe(64)
    for (const { end } of running.splice(0, 2)) end()
    await turn()
    expect(running.map(({ repository }) => repository)).toContain('team/app')
  })

  test('that are too many are refused to whoever asks most', async () => {
    ask('noise/many', 64 + 2000)
    ask('team/app')
    await turn()
    expect(refused).toEqual(['noise/many'])
  })

  test('wait five seconds, and leave their place to others then', async () => {
    ask('noise/many', 65)
    await clock.advance(5000)
    await turn()
    expect(refused).toEqual(['noise/many'])
    ask('team/app')
    running[0]?.end()
    await turn()
    expect(running.at(-1)?.repository).toBe('team/app')
  })

  test('are never refused for bytes of blobs, which wait elsewhere', async () => {
    ask('noise/many', 64)
    const reference = parseReference(`sha256:${'a'.repeat(64)}`)
    if (reference.kind !== 'digest') throw new Error('no digest')
    void upstream.blob(parseRepositoryName('team/app'), reference.digest, 0, signal)
    await turn()
    expect(running.length).toBe(65)
  })
})
