import { afterEach, describe, expect, test } from '@jest/globals'
import { makeImage, manifestOf, MEDIA_TYPES } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry, type Target, type TargetOptions } from '../support/targets.js'

/** What a client sees of a configuration, the same words for both registries. */
type Seen = Readonly<Record<string, unknown>>

interface Case {
  readonly title: string
  readonly options: TargetOptions
  look(client: RegistryClient): Promise<Seen>
  readonly seen: Seen
}

async function deleteOf(client: RegistryClient): Promise<Seen> {
  const { digest } = await client.pushImage('a', makeImage(), 'x')
  return { delete: (await client.delete(`/v2/a/manifests/${digest}`)).status }
}

/** A layer that Windows images have elsewhere. */
async function pushForeign(client: RegistryClient, url: string): Promise<boolean> {
  const [config] = makeImage({ docker: true }).blobs
  if (config === undefined) throw new Error('an image has a configuration')
  await client.pushBlob('a', config)
  const layer = {
    mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    size: 10,
    digest: `sha256:${'a'.repeat(64)}`,
    urls: [url],
  }
  const manifest = manifestOf(
    { schemaVersion: 2, mediaType: MEDIA_TYPES.dockerManifest, config: config.descriptor, layers: [layer] },
    MEDIA_TYPES.dockerManifest,
  )
  return (await client.putManifest('a', 'x', manifest)).status === 201
}

async function foreignUrls(client: RegistryClient): Promise<Seen> {
  const urls = [
    'https://a.example.com/l',
    'https://www.example.com/l',
    'https://b.org/l',
    'ftp://a.example.com/l',
  ]
  const taken: string[] = []
  for (const url of urls) if (await pushForeign(client, url)) taken.push(url)
  return { taken }
}

const EXAMPLE = String.raw`^https?://([^/]+\.)*example\.com/`

const CASES: readonly Case[] = [
  {
    title: 'a top-level delete',
    options: { deletes: false, config: { delete: { enabled: true } } },
    look: deleteOf,
    seen: { delete: 405 },
  },
  {
    title: 'REGISTRY_STORAGE_DELETE_ENABLED=yes',
    options: { deletes: false, environment: { REGISTRY_STORAGE_DELETE_ENABLED: 'yes' } },
    look: deleteOf,
    seen: { delete: 202 },
  },
  {
    title: "REGISTRY_STORAGE_DELETE='{enabled: false}'",
    options: { environment: { REGISTRY_STORAGE_DELETE: '{enabled: false}' } },
    look: deleteOf,
    seen: { delete: 405 },
  },
  {
    title: 'variables that name no key',
    options: {
      environment: {
        REGISTRY_PORT: 'tcp://10.0.0.1:5000',
        REGISTRY_SERVICE_HOST: '10.0.0.1',
        REGISTRY_COLOUR: 'red',
      },
    },
    look: deleteOf,
    seen: { delete: 202 },
  },
  {
    title: 'a header with hyphens, from a variable',
    options: { environment: { 'REGISTRY_HTTP_HEADERS_X-Frame-Options': '[DENY]' } },
    look: async (client) => ({ header: (await client.get('/v2/')).header('x-frame-options') }),
    seen: { header: 'DENY' },
  },
  {
    title: 'numbers and booleans where texts are wanted',
    options: {
      environment: {
        REGISTRY_HTTP_HEADERS: '{X-Age: [1728000], X-All: [true]}',
        REGISTRY_HTTP_SECRET: '0123',
      },
    },
    look: async (client) => {
      const answer = await client.get('/v2/')
      return { age: answer.header('x-age'), all: answer.header('x-all') }
    },
    seen: { age: '1728000', all: 'true' },
  },
  {
    title: 'maintenance.readonly',
    options: { environment: { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{enabled: true}' } },
    look: async (client) => ({
      begin: (await client.post('/v2/a/blobs/uploads/')).status,
      manifest: (await client.putManifest('a', 'x', makeImage().manifest)).status,
      delete: (await client.delete(`/v2/a/manifests/sha256:${'a'.repeat(64)}`)).status,
      allow: (await client.post('/v2/a/blobs/uploads/')).header('allow'),
      read: (await client.get('/v2/_catalog')).status,
    }),
    seen: { begin: 405, manifest: 405, delete: 405, allow: 'GET, HEAD', read: 200 },
  },
  {
    title: 'catalog.maxentries',
    options: { config: { catalog: { maxentries: 2 } } },
    look: async (client) => {
      for (const name of ['a', 'b', 'c']) await client.pushImage(name, makeImage(), 'x')
      const answer = await client.get('/v2/_catalog')
      return { page: answer.json(), link: answer.header('link') !== undefined }
    },
    seen: { page: { repositories: ['a', 'b'] }, link: true },
  },
  {
    title: 'a number in octal digits, from a variable',
    options: { environment: { REGISTRY_CATALOG_MAXENTRIES: '02' } },
    look: async (client) => {
      for (const name of ['a', 'b', 'c']) await client.pushImage(name, makeImage(), 'x')
      return { page: (await client.get('/v2/_catalog')).json() }
    },
    seen: { page: { repositories: ['a', 'b'] } },
  },
  {
    title: 'REGISTRY_STORAGE=inmemory',
    options: { environment: { REGISTRY_STORAGE: 'inmemory' } },
    look: async (client) => ({ pushed: (await client.pushImage('a', makeImage(), 'x')).size > 0 }),
    seen: { pushed: true },
  },
  {
    title: 'validation.manifests.urls',
    options: {
      config: {
        validation: {
          manifests: { urls: { allow: [EXAMPLE], deny: [String.raw`^https?://www\.example\.com/`] } },
        },
      },
    },
    look: foreignUrls,
    seen: { taken: ['https://a.example.com/l'] },
  },
  {
    title: 'validation.disabled',
    options: { config: { validation: { disabled: true } } },
    look: async (client) => ({ taken: await pushForeign(client, 'https://b.org/l') }),
    seen: { taken: true },
  },
  {
    title: 'validation.enabled without lists',
    options: { config: { validation: { enabled: true } } },
    look: async (client) => ({ taken: await pushForeign(client, 'https://b.org/l') }),
    seen: { taken: false },
  },
]

let target: Target | undefined
afterEach(async () => {
  await target?.remove()
  target = undefined
})

async function see({ options, look }: Case, start: typeof startCore): Promise<Seen> {
  target = await start(options)
  const client = new RegistryClient(target.baseUrl)
  try {
    return await look(client)
  } finally {
    await client.close()
  }
}

describe('registry-core does what the configuration of registry:2 says', () => {
  test.each(CASES)('$title', async (one) => {
    expect(await see(one, startCore)).toEqual(one.seen)
  })
})

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'docker-registry does the same',
  () => {
    test.each(CASES)('$title', async (one) => {
      expect(await see(one, startDockerRegistry)).toEqual(one.seen)
    })
  },
)
