import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { passwordOf, writeHtpasswd } from '../support/accounts.js'
import { describeNeeding } from '../support/needs.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry, type Target } from '../support/targets.js'

/** With htpasswd alone nobody shall notice which of the two they talk to. */
describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'challenges beside docker-registry with htpasswd',
  () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    const targets: Target[] = []
    const clients: RegistryClient[] = []

    beforeAll(async () => {
      const file = path.join(folder, 'htpasswd')
      writeHtpasswd(file, 'ci')
      const config = { auth: { htpasswd: { realm: 'Registry Realm', path: file } } }
      for (const start of [startCore, startDockerRegistry]) targets.push(await start({ config }))
      for (const { baseUrl } of targets) clients.push(new RegistryClient(baseUrl))
    }, 60_000)
    afterAll(async () => {
      for (const client of clients) await client.close()
      for (const target of targets) await target.remove()
      rmSync(folder, { recursive: true })
    })

    test.each([
      ['GET', '/v2/', {}],
      ['GET', '/v2/', passwordOf('ci')],
      ['GET', '/v2/', passwordOf('ci', 'wrong')],
      ['GET', '/v2/', passwordOf('nobody')],
      ['GET', '/v2/', { authorization: 'Basic nonsense' }],
      ['GET', '/v2/_catalog', {}],
      ['GET', '/v2/team/app/tags/list', {}],
      ['GET', '/v2/team/app/tags/list', passwordOf('ci')],
      ['HEAD', '/v2/team/app/manifests/x', {}],
      ['POST', '/v2/team/app/blobs/uploads/', {}],
      ['POST', '/v2/team/app/blobs/uploads/', passwordOf('ci')],
      ['DELETE', '/v2/team/app/manifests/x', {}],
    ] as const)('%s %s with %j is answered the same', async (method, target, headers) => {
      const [ours, theirs] = await Promise.all(
        clients.map((client) => client.send({ method, target, headers })),
      )
      const seen = (answer: typeof ours) => [answer?.status, answer?.header('www-authenticate')]
      expect(seen(ours)).toEqual(seen(theirs))
    })
  },
)
