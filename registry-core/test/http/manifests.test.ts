import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { digestOf, OCI_MANIFEST, pushBlob, pushImage, randomBlob, startEdge, type TestEdge } from './edge.js'

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
let edge: TestEdge
beforeAll(async () => {
  edge = await startEdge({ catalogLimit: 3 })
})
afterAll(() => edge.close())

describe('a manifest', () => {
  test('is served as it came, by tag and by digest, and answers conditions', async () => {
    const { manifest, digest } = await pushImage(edge, 'team/app', 'v1')
    for (const reference of ['v1', digest, digest.replace(':', '%3A')]) {
      const answer = await edge.send('GET', `/v2/team/app/manifests/${reference}`)
      expect(answer.body).toEqual(manifest)
      expect(answer.headers).toMatchObject({
        'content-type': OCI_MANIFEST,
        'docker-content-digest': digest,
        etag: `"${digest}"`,
      })
      const head = await edge.send('HEAD', `/v2/team/app/manifests/${reference}`)
      expect([head.status, head.body.length, head.headers['content-length']]).toEqual([
        200,
        0,
        `${manifest.length}`,
      ])
      const known = await edge.send('GET', `/v2/team/app/manifests/${reference}`, {
        headers: { 'if-none-match': `"${digest}"` },
      })
      expect(known.status).toBe(304)
    }
  })

  test('pushed says where it is, and what it refers to', async () => {
    const subject = { mediaType: OCI_MANIFEST, digest: digestOf('nothing'), size: 7 }
    const { manifest } = await pushImage(edge, 'team/subject', 'x', { subject })
    const answer = await edge.send('PUT', '/v2/team/subject/manifests/y', {
      headers: { 'content-type': `${OCI_MANIFEST}; charset=utf-8` },
      body: manifest,
    })
    expect(answer.headers).toMatchObject({
      location: `/v2/team/subject/manifests/${digestOf(manifest)}`,
      'docker-content-digest': digestOf(manifest),
      'oci-subject': subject.digest,
    })
  })

  test('pushed by digest takes many tags; by tag it takes no further ones', async () => {
    const { manifest, digest } = await pushImage(edge, 'team/tags', 'first')
    const tags = Array.from({ length: 12 }, (_, at) => `t${at}`)
    const query = tags.map((tag) => `tag=${tag}`).join('&')
    const headers = { 'content-type': OCI_MANIFEST }
    const answer = await edge.send('PUT', `/v2/team/tags/manifests/${digest}?${query}`, {
      headers,
      body: manifest,
    })
    expect([answer.status, String(answer.headers['oci-tag']).split(', ')]).toEqual([201, tags])
    for (const tag of tags)
      expect((await edge.send('HEAD', `/v2/team/tags/manifests/${tag}`)).status).toBe(200)
    const refused = await edge.send('PUT', '/v2/team/tags/manifests/x?tag=y', { headers, body: manifest })
    expect(refused.status).toBe(400)
    const many = `tag=x&`.repeat(1000)
    expect(
      (await edge.send('PUT', `/v2/team/tags/manifests/${digest}?${many}`, { headers, body: manifest }))
        .status,
    ).toBe(414)
  })

  test.each([
    ['with another digest in its path', `/v2/team/bad/manifests/${digestOf('x')}`, 'DIGEST_INVALID'],
    ['under an impossible tag', '/v2/team/bad/manifests/.x', 'MANIFEST_INVALID'],
  ])('%s is refused', async (_why, target, code) => {
    const { manifest } = await pushImage(edge, 'team/bad', 'good')
    const answer = await edge.send('PUT', target, {
      headers: { 'content-type': OCI_MANIFEST },
      body: manifest,
    })
    expect([answer.status, answer.code]).toEqual([400, code])
  })

  test('naming blobs that are not here is refused, each named', async () => {
    const missing = [digestOf('a'), digestOf('b')]
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: missing[0], size: 1 },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: missing[1], size: 1 }],
    })
    const answer = await edge.send('PUT', '/v2/team/bad/manifests/x', {
      headers: { 'content-type': OCI_MANIFEST },
      body,
    })
    expect(answer.status).toBe(400)
    for (const digest of missing) expect(answer.body.toString()).toContain(digest)
    expect(answer.body.toString().match(/MANIFEST_BLOB_UNKNOWN/g)).toHaveLength(2)
  })

  test.each(['with a length', 'in chunks'])('beyond 4 MiB is refused %s, and cut there', async (how) => {
    const bytes = Buffer.alloc(6 * 1024 * 1024, ' ')
    const body = how === 'in chunks' ? pieces(bytes) : bytes
    const answer = await edge.send('PUT', '/v2/team/big/manifests/x', {
      headers: { 'content-type': OCI_MANIFEST },
      body,
    })
    expect([answer.status, answer.code, answer.headers['connection']]).toEqual([
      413,
      'MANIFEST_INVALID',
      'close',
    ])
    expect(edge.outcomes.at(-1)?.bytesIn).toBeLessThan(6 * 1024 * 1024)
  })

  async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
  }

  test('of nearly 4 MB is taken', async () => {
    const { manifest } = await pushImage(edge, 'team/big', 'x', { annotations: { a: 'x'.repeat(3_900_000) } })
    expect((await edge.send('GET', '/v2/team/big/manifests/x')).body.equals(manifest)).toBe(true)
  })

  test('is deleted by tag alone, or with all its tags', async () => {
    const { manifest, digest } = await pushImage(edge, 'team/gone', 'a')
    const headers = { 'content-type': OCI_MANIFEST }
    await edge.send('PUT', '/v2/team/gone/manifests/b', { headers, body: manifest })
    expect((await edge.send('DELETE', '/v2/team/gone/manifests/a')).status).toBe(202)
    expect((await edge.send('GET', '/v2/team/gone/manifests/a')).code).toBe('MANIFEST_UNKNOWN')
    expect((await edge.send('GET', '/v2/team/gone/manifests/b')).status).toBe(200)
    expect((await edge.send('DELETE', `/v2/team/gone/manifests/${digest}`)).status).toBe(202)
    for (const reference of ['b', digest])
      expect((await edge.send('HEAD', `/v2/team/gone/manifests/${reference}`)).status).toBe(404)
    expect((await edge.send('DELETE', `/v2/team/gone/manifests/${digest}`)).status).toBe(404)
  })
})

describe('a list', () => {
  beforeAll(async () => {
    const { manifest } = await pushImage(edge, 'list/tags', 'a')
    for (const tag of ['B', 'ab', 'c', 'b'])
      await edge.send('PUT', `/v2/list/tags/manifests/${tag}`, {
        headers: { 'content-type': OCI_MANIFEST },
        body: manifest,
      })
  })

  async function walk(first: string, key: string): Promise<string[][]> {
    const pages: string[][] = []
    for (let target: string | undefined = first; target !== undefined; ) {
      const answer = await edge.send('GET', target)
      expect(answer.status).toBe(200)
      pages.push((JSON.parse(answer.body.toString()) as Record<string, string[]>)[key] ?? [])
      target = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers['link'] ?? ''))?.[1]
    }
    return pages
  }

  test('of tags is whole without n, and sorted by byte', async () => {
    expect(await walk('/v2/list/tags/tags/list', 'tags')).toEqual([['B', 'a', 'ab', 'b', 'c']])
  })

  test('of tags comes in pages that lead to the end', async () => {
    expect(await walk('/v2/list/tags/tags/list?n=2', 'tags')).toEqual([['B', 'a'], ['ab', 'b'], ['c']])
    expect(await walk('/v2/list/tags/tags/list?n=5', 'tags')).toEqual([['B', 'a', 'ab', 'b', 'c']])
    expect(await walk('/v2/list/tags/tags/list?n=1000000000000', 'tags')).toHaveLength(1)
    expect(await walk('/v2/list/tags/tags/list?n=0', 'tags')).toEqual([[]])
  })

  test('of tags begins after last, which need not exist', async () => {
    expect(await walk('/v2/list/tags/tags/list?last=aa', 'tags')).toEqual([['ab', 'b', 'c']])
    expect(await walk('/v2/list/tags/tags/list?last=zzz&n=2', 'tags')).toEqual([[]])
  })

  test('of tags of no repository is 404', async () => {
    expect((await edge.send('GET', '/v2/no/such/tags/list')).code).toBe('NAME_UNKNOWN')
  })

  test.each(['/v2/_catalog', '/v2/list/tags/tags/list'])(
    '%s refuses numbers that are none',
    async (target) => {
      for (const n of ['-1', 'x', '']) {
        const answer = await edge.send('GET', `${target}?n=${n}`)
        expect([answer.status, answer.code]).toEqual([400, 'PAGINATION_NUMBER_INVALID'])
      }
    },
  )

  test('of repositories comes in pages of catalog.maxentries at most', async () => {
    for (const name of ['z/1', 'z/2', 'z/3', 'z/4']) await pushImage(edge, name, 'x')
    const pages = await walk('/v2/_catalog?n=1000', 'repositories')
    expect(Math.max(...pages.map((page) => page.length))).toBe(3)
    expect(pages.flat()).toEqual(expect.arrayContaining(['list/tags', 'z/1', 'z/2', 'z/3', 'z/4']))
    expect(await walk('/v2/_catalog?n=0', 'repositories')).toEqual([[]])
    expect((await walk('/v2/_catalog?n=2', 'repositories')).flat()).toEqual(pages.flat())
  })

  test('of referrers is an index, empty for what nobody refers to', async () => {
    const answer = await edge.send('GET', `/v2/no/such/referrers/${digestOf('x')}`)
    expect([answer.status, answer.headers['content-type']]).toEqual([200, OCI_INDEX])
    expect(JSON.parse(answer.body.toString())).toEqual({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
    })
    expect((await edge.send('GET', '/v2/no/such/referrers/sha256:x')).code).toBe('DIGEST_INVALID')
  })

  test('of referrers is filtered by artifact type when asked to', async () => {
    const { digest } = await pushImage(edge, 'list/subject', 'x')
    const subject = { mediaType: OCI_MANIFEST, digest, size: 1 }
    const config = randomBlob(2)
    await pushBlob(edge, 'list/subject', config)
    for (const artifactType of ['a/one', 'a/two+x'])
      await pushImage(edge, 'list/subject', artifactType.slice(2, 5), { subject, artifactType })
    const all = await edge.send('GET', `/v2/list/subject/referrers/${digest}`)
    expect((JSON.parse(all.body.toString()) as { manifests: object[] }).manifests).toHaveLength(2)
    expect(all.headers['oci-filters-applied']).toBeUndefined()
    for (const asked of ['a/two+x', 'a%2Ftwo%2Bx']) {
      const some = await edge.send('GET', `/v2/list/subject/referrers/${digest}?artifactType=${asked}`)
      expect(some.headers['oci-filters-applied']).toBe('artifactType')
      expect(JSON.parse(some.body.toString())).toMatchObject({ manifests: [{ artifactType: 'a/two+x' }] })
    }
  })
})
