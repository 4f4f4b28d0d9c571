/**
 * No byte and no existence fact crosses rights: random callers ask random things of repositories that they may not see,
 * and each whole answer is compared with the one for a repository, tag or digest that is not there.
 * usage: rights.js [--seed N] [--samples N]; prints one line of JSON.
 */
import { parseArgs } from 'node:util'

import { passwordOf, RESTRICTED } from '../support/accounts.js'
import { absentDigest, makeImage } from '../support/images.js'
import { type Answer, type Call, RegistryClient } from '../support/registry-client.js'
import { startCore } from '../support/targets.js'
import { chanceFrom } from './stress/chance.js'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, samples: { type: 'string', default: '100000' } },
})
const seed = Number(values.seed)
const samples = Number(values.samples)
const AT_ONCE = 16
const REPOSITORIES = 8

const chance = chanceFrom(seed)
const oneOf = <T>(list: readonly T[]): T => {
  const one = list[Math.floor(chance() * list.length)]
  if (one === undefined) throw new Error('nothing to choose from')
  return one
}

const core = await startCore({
  config: { ...RESTRICTED, log: { level: 'error', accesslog: { disabled: true } } },
})
const owner = new RegistryClient(core.baseUrl, { headers: passwordOf('owner') })
const asking = new RegistryClient(core.baseUrl)

/** Who asks: nobody, a user with few rights, one with none, and both by token. */
const tokens = await Promise.all(
  ['team', 'idle'].map(async (name) => {
    const scope = encodeURIComponent(`repository:team/app:pull,push registry:catalog:* ${scopesOfSecrets()}`)
    const { token } = (await asking.get(`/token?scope=${scope}`, passwordOf(name))).json() as {
      token: string
    }
    return { authorization: `Bearer ${token}` }
  }),
)
const CALLERS: readonly Readonly<Record<string, string>>[] = [
  {},
  passwordOf('team'),
  passwordOf('idle'),
  ...tokens,
]

function scopesOfSecrets(): string {
  return Array.from({ length: REPOSITORIES }, (_, n) => `repository:secret/there-${n}:pull`).join(' ')
}

/** What is there: in secret repositories, under names of one length with those that are not. */
const digests: string[] = []
for (let n = 0; n < REPOSITORIES; n += 1) {
  const image = makeImage({ layers: 2 })
  await owner.pushImage(`secret/there-${n}`, image, 'v1')
  digests.push(image.manifest.descriptor.digest, ...image.blobs.map(({ descriptor }) => descriptor.digest))
}
await owner.pushImage('team/app', makeImage({ layers: 1 }), 'v1')
const absent = digests.map(() => absentDigest())

interface Twin {
  readonly there: Call
  readonly gone: Call
  /** What the two differ in, on purpose: taken out of the answers. */
  readonly words: readonly string[]
}

/** The same question about what is there and about what is not. */
function twinOf(): Twin {
  const headers = oneOf(CALLERS)
  const n = Math.floor(chance() * REPOSITORIES)
  const [there, gone] = [`secret/there-${n}`, `secret/never-${n}`]
  const digest = oneOf(digests)
  const another = oneOf(absent)
  const [method, rest] = oneOf([
    ['GET', '/tags/list'],
    ['GET', '/manifests/v1'],
    ['HEAD', '/manifests/v1'],
    ['PUT', '/manifests/v1'],
    ['DELETE', '/manifests/v1'],
    ['GET', `/manifests/${digest}`],
    ['GET', `/blobs/${digest}`],
    ['HEAD', `/blobs/${digest}`],
    ['DELETE', `/blobs/${digest}`],
    ['GET', `/referrers/${digest}`],
    ['POST', '/blobs/uploads/'],
    ['POST', `/blobs/uploads/?digest=${digest}`],
    ['GET', `/blobs/uploads/00000000-0000-4000-8000-000000000000`],
  ] as const)
  // By a repository that one may see: a digest that lies elsewhere is a digest that lies nowhere.
  if (chance() < 0.25) {
    const path = oneOf([
      '/v2/team/app/blobs/',
      '/v2/team/app/manifests/',
      '/v2/base/os/blobs/',
      '/v2/team/new/referrers/',
    ])
    return {
      there: { method: 'GET', target: path + digest, headers },
      gone: { method: 'GET', target: path + another, headers },
      words: [digest, another],
    }
  }
  return {
    there: { method, target: `/v2/${there}${rest}`, headers },
    gone: { method, target: `/v2/${gone}${rest}`, headers },
    words: [there, gone],
  }
}

function wholeOf({ status, headers, body }: Answer, words: readonly string[]): string {
  const { date: _date, 'x-request-id': _id, ...kept } = headers
  let text = JSON.stringify([status, kept, body.toString('latin1')])
  for (const word of words) text = text.replaceAll(word, '')
  return text
}

const found: string[] = []
let done = 0
let refused = 0

async function ask(): Promise<void> {
  while (done < samples && found.length < 10) {
    done += 1
    const { there, gone, words } = twinOf()
    const [first, second] = [await asking.send(there), await asking.send(gone)]
    if (first.status === 401 || first.status === 403) refused += 1
    const [one, other] = [wholeOf(first, words), wholeOf(second, words)]
    if (one !== other || (first.status < 400 && !there.target.includes('/referrers/')))
      found.push(`${there.method} ${there.target} with ${JSON.stringify(there.headers)}: ${one} but ${other}`)
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, ask))
const catalog = await asking.get('/v2/_catalog?n=1000', passwordOf('team'))
if (catalog.body.toString().includes('secret')) found.push(`the catalog says ${catalog.body.toString()}`)
await asking.close()
await owner.close()
await core.remove()
console.log(
  JSON.stringify({ program: 'rights', seed, samples: done, refused, failures: found.length, found }),
)
