import { forecastCollection } from '../../support/distribution.js'
import type { Check, Subject } from './check.js'
import type { WatchedClient } from './watched-client.js'

/** A subject whose client has seen the whole run. */
export interface WatchedSubject extends Subject {
  readonly client: WatchedClient
}

interface Afterwards extends Pick<Check, 'covers' | 'title'> {
  readonly body: (subject: WatchedSubject) => Promise<void>
}

/** What only the whole run shows; in this order, since the last one stops the registry. */
export const AFTERWARDS: readonly Afterwards[] = [
  {
    covers: ['errors', 'warnings', '429'],
    title: 'no answer of the whole run broke a rule that holds for each answer',
    async body({ client }) {
      const broken = new Set(client.rulesBroken())
      if (broken.size > 0) throw new Error(`${broken.size} answers:\n${[...broken].slice(0, 60).join('\n')}`)
    },
  },
  {
    covers: ['attack 75'],
    title: 'the registry that was started still runs, and its log is JSON line by line',
    async body({ target, client }) {
      await client.get('/v2/')
      const lines = target.process.log().split('\n')
      const strange = lines.filter((line) => line !== '' && !(line.startsWith('{') && line.endsWith('}')))
      const some = strange.slice(0, 5).map((line) => line.slice(0, 300))
      if (strange.length > 0) throw new Error(`${strange.length} lines are not JSON: ${some.join('\n')}`)
    },
  },
  {
    covers: ['end-7'],
    title: "Distribution's collector would delete nothing that an acknowledged manifest needs",
    async body({ target, client }) {
      await target.stop()
      const eligible = new Set((await forecastCollection(target.root)).eligibleBlobs)
      const lost = client.acknowledged().flatMap(({ name, needs }) => {
        const missing = needs.filter((digest) => eligible.has(digest))
        return missing.length === 0 ? [] : [`${name} would lose ${missing.join(', ')}`]
      })
      if (lost.length > 0) throw new Error(lost.join('\n'))
    },
  },
]
