import { stripVTControlCharacters } from 'node:util'

import { afterAll, beforeAll, describe, test } from '@jest/globals'

import { describeNeeding, type Need } from '../../support/needs.js'
import { cpuTimeMs } from '../../support/processes.js'
import { sendRaw } from '../../support/raw-http.js'
import type { Target, TargetOptions } from '../../support/targets.js'
import { AFTERWARDS, type WatchedSubject } from './afterwards.js'
import { CHECKS_WITH_DELETES, CHECKS_WITHOUT_DELETES } from './checks.js'
import type { KnownFailures } from './differences.js'
import { WatchedClient } from './watched-client.js'

export interface LaneOptions {
  readonly title: string
  readonly needs: readonly Need[]
  start(options: TargetOptions): Promise<Target>
  /** One that passes, one that fails otherwise, and one that names no check fail the run. */
  readonly knownFailures: KnownFailures
}

/** The whole suite against one kind of registry. */
export function runLane(options: LaneOptions): void {
  describeNeeding(
    [...options.needs, { program: 'docker-registry', debianPackage: 'docker-registry' }],
    options.title,
    () => {
      test('each known failure names a check', () => {
        const titles = new Set(
          [...CHECKS_WITH_DELETES, ...CHECKS_WITHOUT_DELETES].flatMap(({ checks }) =>
            checks.map(({ title }) => title),
          ),
        )
        for (const { title } of AFTERWARDS) titles.add(title)
        const strays = [...options.knownFailures.keys()].filter((title) => !titles.has(title))
        if (strays.length > 0) throw new Error(`known failures without a check: ${strays.join('; ')}`)
      })
      describe('with deletes', () => runGroups(options, true))
      describe('without deletes', () => runGroups(options, false))
    },
  )
}

function runGroups(options: LaneOptions, deletes: boolean): void {
  let running: WatchedSubject | undefined
  const subject = (): WatchedSubject => {
    if (running === undefined) throw new Error('the registry did not start')
    return running
  }
  beforeAll(async () => {
    running = subjectOf(await options.start({ deletes }))
  }, 60_000)
  afterAll(async () => {
    await running?.client.close()
    await running?.target.remove()
  }, 60_000)
  for (const { noun, checks } of deletes ? CHECKS_WITH_DELETES : CHECKS_WITHOUT_DELETES) {
    describe(noun, () => {
      for (const { covers, title, body } of checks) {
        test(
          `${title} (${covers.join(', ')})`,
          () => judge(title, body(subject()), options.knownFailures),
          30_000,
        )
      }
    })
  }
  if (!deletes) return
  describe('afterwards', () => {
    for (const { title, body } of AFTERWARDS) {
      test(title, () => judge(title, body(subject()), options.knownFailures), 60_000)
    }
  })
}

function subjectOf(target: Target): WatchedSubject {
  let repositories = 0
  return {
    target,
    client: new WatchedClient(target.baseUrl),
    cpuTimeMs: () => cpuTimeMs(target.process.pid),
    repository: () => `checks/r${++repositories}`,
    raw: async (request, options) => sendRaw(await target.rawConnect(), request, options),
  }
}

/** Passes when the outcome is as the list of differences has it. */
export async function judge(
  title: string,
  outcome: Promise<void>,
  knownFailures: KnownFailures,
): Promise<void> {
  const known = knownFailures.get(title)
  if (known === undefined) return outcome
  const failure = await outcome.then(
    () => undefined,
    (error: unknown) => (Error.isError(error) ? error : new Error('not even an error', { cause: error })),
  )
  if (failure === undefined) throw new Error(`passes, but is listed as failing: ${known.instead}`)
  const message = stripVTControlCharacters(failure.message)
  if (!message.includes(known.seen))
    throw new Error(`fails otherwise than listed: ${message}`, { cause: failure })
}
