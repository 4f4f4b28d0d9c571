import { expect, describe, test } from '@jest/globals'
import { compileGlob } from '#core/oci/glob.js'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { account, basic, right } from '../access/parts.js'
import { OCI_MANIFEST, pushImage, startEdge } from './edge.js'

const settings = {
  accounts: [
    account('ci', [right('team/**', 'pull', 'push')]),
    account('scanner', [right('**', 'pull')], { countsAsPull: false }),
  ],
  immutable: [{ repository: compileGlob('release/**'), tag: compileGlob('v*') }],
}

describe('an immutable tag', () => {
  test('is pushed once; the same again is fine, another is denied and names the rule', async () => {
    const own = await startEdge({ access: { immutable: settings.immutable } })
    const { manifest } = await pushImage(own, 'release/app', 'v1')
    const put = (tag: string, body: Buffer) =>
      own.send('PUT', `/v2/release/app/manifests/${tag}`, { headers: { 'content-type': OCI_MANIFEST }, body })
    expect((await put('v1', manifest)).status).toBe(201)
    const other = Buffer.from(`${manifest.toString()} `)
    const refused = await put('v1', other)
    expect([refused.status, refused.code]).toEqual([403, 'DENIED'])
    expect(refused.body.toString()).toContain('access.immutable has {repository: release/**, tag: v*}')
    expect((await put('latest', manifest)).status).toBe(201)
    expect((await put('latest', other)).status).toBe(201)
    const digest = digestOfBytes('sha256', other)
    expect((await put(`${digest}?tag=v2&tag=v1`, other)).status).toBe(403)
    expect(await own.store.links.findTag(parseRepositoryName('release/app'), parseTag('v2'))).toBeUndefined()
    await own.close()
  })
})

test.each([
  ['scanner', []],
  ['ci', ['team/app']],
])('the last pull is that of %s: %j', async (name, noted) => {
  const own = await startEdge({ anonymous: 'push', access: settings })
  const { digest } = await pushImage(own, 'team/app', 'x')
  const touched: string[] = []
  const { links } = own.store
  const touchPull = links.touchPull.bind(links)
  links.touchPull = (repository, ...rest) => {
    touched.push(repository)
    return touchPull(repository, ...rest)
  }
  const answer = await own.send('GET', `/v2/team/app/manifests/${digest}`, {
    headers: { authorization: basic(name) },
  })
  expect(answer.status).toBe(200)
  await own.close()
  expect(touched).toEqual(noted)
})
