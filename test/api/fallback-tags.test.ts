import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { type Content, type Image, makeArtifact, makeImage, makeIndex } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry } from '../support/targets.js'
import { readIndex } from './suite/read.js'

const NAME = 'team/signed'

/** Clients of a registry without referrers list them under a tag made from the subject's digest. */
function fallbackTag(digest: string): string {
  return digest.replace(':', '-')
}

/** An entry of such a list: what cosign and oras write says more than the manifest does. */
function listed({ manifest }: Image): Content {
  return {
    ...manifest,
    descriptor: { ...manifest.descriptor, artifactType: 'a/b', annotations: { by: 'a client' } },
  }
}

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'a volume of registry:2',
  () => {
    let root = ''
    beforeEach(() => {
      root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    })
    afterEach(() => rmSync(root, { recursive: true, force: true }))

    async function on(
      start: typeof startCore,
      use: (client: RegistryClient) => Promise<void>,
    ): Promise<void> {
      const target = await start({ root })
      const client = new RegistryClient(target.baseUrl)
      try {
        await use(client)
      } finally {
        await client.close()
        await target.remove()
      }
    }

    async function referrersOf(
      client: RegistryClient,
      digest: string,
      query = '',
    ): Promise<readonly string[]> {
      const answer = expectStatus(await client.get(`/v2/${NAME}/referrers/${digest}${query}`), 200)
      return readIndex(answer.body)
        .map((entry) => entry.digest)
        .sort()
    }

    function digests(...images: readonly Image[]): readonly string[] {
      return images.map(({ manifest }) => manifest.descriptor.digest).sort()
    }

    test('its fallback tags are part of the lists of referrers, each entry once, old and new ones together', async () => {
      const subject = makeImage()
      const { digest } = subject.manifest.descriptor
      const unnamed = makeArtifact('a/b') // listed under the tag only
      const named = makeArtifact('a/b', { subject: subject.manifest.descriptor })
      const later = makeArtifact('c/d', { subject: subject.manifest.descriptor })
      await on(startDockerRegistry, async (client) => {
        await client.pushImage(NAME, subject, 'v1')
        for (const artifact of [unnamed, named]) await client.pushImage(NAME, artifact)
        await client.pushManifest(NAME, makeIndex([unnamed, named].map(listed)), fallbackTag(digest))
      })
      for (const round of ['first', 'second']) {
        await on(startCore, async (client) => {
          const known = round === 'first' ? [unnamed, named] : [unnamed, named, later]
          expect(await referrersOf(client, digest)).toEqual(digests(...known))
          await client.pushImage(NAME, later)
          expect(await referrersOf(client, digest)).toEqual(digests(unnamed, named, later))
          expect(await referrersOf(client, digest, '?artifactType=a/b')).toEqual(digests(unnamed, named))
        })
      }
    })

    test('an entry of a fallback tag whose manifest is deleted leaves the list', async () => {
      const subject = makeImage()
      const { digest } = subject.manifest.descriptor
      const [kept, deleted] = [makeArtifact('a/b'), makeArtifact('a/b')]
      await on(startDockerRegistry, async (client) => {
        for (const image of [subject, kept, deleted]) await client.pushImage(NAME, image)
        await client.pushManifest(NAME, makeIndex([kept, deleted].map(listed)), fallbackTag(digest))
      })
      await on(startCore, async (client) => {
        const target = `/v2/${NAME}/manifests/${deleted.manifest.descriptor.digest}`
        expectStatus(await client.delete(target), 202)
        expect(await referrersOf(client, digest)).toEqual(digests(kept))
      })
    })
  },
)
