import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import type { LayoutImage } from '../support/image-layout.js'
import { makeImage } from '../support/images.js'
import { DockerHost, HOSTS, IMAGE, REGISTRY_2, REGISTRY_2_CONFIG } from './docker-host.js'

jest.setTimeout(180_000)

/** Setup A's files as people have them; of its two services the store. Its last key is misplaced. */
const FILES = {
  'docker-compose.yml': `version: '3'
services:
  local_store:
    container_name: local_store
    image: registry:2
    restart: always
    ports:
      - 127.0.0.1:5000:5000
    volumes:
      - ./cache:/var/lib/registry
      - ./store.yml:/etc/docker/registry/config.yml
`,
  'store.yml': `${REGISTRY_2_CONFIG}delete:
  enabled: true
`,
}

/** The name that the daemons' hosts files give to the machine; Docker trusts what resolves to loopback. */
const STORE = 'docker.registry.local:5000'

describe.each(HOSTS)('setup A, the store: $title', (kind) => {
  let host: DockerHost
  let before: LayoutImage

  beforeAll(async () => {
    host = await DockerHost.start(kind, { hosts: { 'docker.registry.local': '127.0.0.1' } })
    host.writeAll('a', FILES)
    await host.typed('cd a && docker compose up -d 2>&1')
    await host.untilServed(STORE)
    before = await host.make(`${STORE}/local_alpine`)
    await host.daemon.push(`${STORE}/local_alpine`)
    await host.move('a', REGISTRY_2, IMAGE)
    await host.untilServed(STORE)
  }, 600_000) // the first time the image is built
  afterAll(() => host.destroy())

  test('what registry:2 took is there, over its folder of root', async () => {
    expect(await host.pullAndRun(`${STORE}/local_alpine`)).toBe(before.prints)
    expect(await host.typed(`curl -s http://${STORE}/v2/_catalog`)).toContain('["local_alpine"]')
  })

  test('the misplaced key is named with the line to paste, and not obeyed', async () => {
    const log = await host.typed('docker logs local_store 2>&1')
    expect(log).toContain(
      'delete stands in the wrong place and has no effect; write storage: {delete: {enabled: true}}',
    )
    const client = await host.client(5000)
    const { digest } = await client.pushImage('gone', makeImage(), 'v1')
    expect((await client.delete(`/v2/gone/manifests/${digest}`)).status).toBe(405)
    await client.close()
  })

  test('what is pushed survives a restart of the container', async () => {
    const made = await host.make(`${STORE}/later`)
    await host.daemon.push(`${STORE}/later`)
    await host.typed('docker restart local_store')
    await host.untilServed(STORE)
    expect(await host.pullAndRun(`${STORE}/later`)).toBe(made.prints)
  })

  test('the file is where people look for it', async () => {
    const shown = await host.typed('docker exec local_store cat /etc/docker/registry/config.yml')
    expect(shown).toBe(FILES['store.yml'])
  })

  test('registry:2 takes the folder back, with what was pushed meanwhile', async () => {
    const made = await host.make(`${STORE}/meanwhile`)
    await host.daemon.push(`${STORE}/meanwhile`)
    await host.move('a', IMAGE, REGISTRY_2)
    await host.untilServed(STORE)
    expect(await host.pullAndRun(`${STORE}/local_alpine`)).toBe(before.prints)
    expect(await host.pullAndRun(`${STORE}/meanwhile`)).toBe(made.prints)
    expect(await eligibleBlobs(host.join('a/cache'))).toEqual([])
  })
})
