import { readFileSync } from 'node:fs'
import path from 'node:path'

import type { FrontSettings } from '#front/settings.js'

import { makeBox } from '../../front/applied-box.js'
import { chanceFrom } from '../../programs/stress/chance.js'
import type { NginxProgram } from '../../support/nginx-programs.js'
import { freePort } from '../../support/processes.js'
import { anyAsked, type Asked } from './any-target.js'
import { Expected } from './expected.js'
import { askAll } from './pipe.js'

/** Clients at once. */
const CLIENTS = 6
/** On one connection, which nginx closes after what it refuses itself. */
const MOST_TOGETHER = 100
const SHOWN = 20

export interface Fuzzed {
  readonly asked: number
  /** Of them, those that nginx refused itself. */
  readonly refused: number
  /** Method, target and what was wrong with its answer: the first ones. */
  readonly faults: readonly string[]
}

/**
 * Sends so many targets through the nginx of a box to a core of its own, and compares each answer with what nginx's
 * line and the core's reader mean, each asked by itself.
 */
export async function fuzzTargets(program: NginxProgram, count: number, seed: number): Promise<Fuzzed> {
  const box = await makeBox(program)
  try {
    const port = await freePort()
    // Without rights to push: no request changes anything.
    const listeners: FrontSettings['listeners'] = [{ kind: 'http', address: '127.0.0.1', port }]
    await box.apply('1', { front: { listeners } })
    await box.start()
    const errors = path.join(box.places.config, 'current/errors')
    const pages = new Map(
      [400, 414].map((status) => [status, readFileSync(path.join(errors, `${status}.json`), 'utf8')]),
    )
    const expected = new Expected((status) => pages.get(status) ?? '')
    return await fuzz({ port, expected, count, chance: chanceFrom(seed) })
  } finally {
    await box.stop()
  }
}

interface Run {
  readonly port: number
  readonly expected: Expected
  readonly count: number
  readonly chance: () => number
}

async function fuzz({ port, expected, count, chance }: Run): Promise<Fuzzed> {
  const faults: string[] = []
  let [asked, refused] = [0, 0]
  const client = async (): Promise<void> => {
    while (asked < count && faults.length < SHOWN) {
      const batch = nextBatch(chance, expected, count - asked)
      asked += batch.length
      const answers = await askAll(port, batch)
      for (const [at, one] of batch.entries()) {
        const answer = answers[at]
        const fault = answer === undefined ? 'no answer' : expected.findFault(one, answer)
        if (fault !== undefined)
          faults.push(`${one.method} ${JSON.stringify(one.target.slice(0, 300))}: ${fault}`)
        if (answer === undefined) break // what came behind it may have been answered otherwise
        if (expected.isRefused(one)) refused += 1
      }
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return { asked, refused, faults: faults.slice(0, SHOWN) }
}

function nextBatch(chance: () => number, expected: Expected, most: number): readonly Asked[] {
  const batch: Asked[] = []
  while (batch.length < Math.min(most, MOST_TOGETHER)) {
    const asked = anyAsked(chance)
    batch.push(asked)
    if (expected.isRefused(asked)) break
  }
  return batch
}
