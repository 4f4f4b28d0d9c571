import { readFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { makeImage } from '../support/images.js'
import { DockerHost, HOSTS, REPOSITORY } from './docker-host.js'

const FILE = path.join(REPOSITORY, 'docker-compose.yml')
const COMPOSE = `docker compose -p own -f ${FILE}`

describe.each(HOSTS)('docker-compose.yml with $title', (kind) => {
  let host: DockerHost

  beforeAll(async () => {
    host = await DockerHost.start(kind)
    await host.typed(`${COMPOSE} up -d 2>&1`)
    await host.untilServed()
  }, 600_000) // the first time the image is built
  afterAll(() => host.destroy())

  test('serves on 127.0.0.1 only, without root, and keeps images when it is taken down', async () => {
    expect(readFileSync(FILE, 'utf8')).toContain('"127.0.0.1:5000:5000"')
    expect(await host.typed(`${COMPOSE} exec -T registry stat -c '%u' /proc/1`)).toMatch(/^1000\s*$/m)
    const client = await host.client(5000)
    const image = makeImage()
    const { digest } = await client.pushImage('app', image, 'v1')
    await host.typed(`${COMPOSE} down 2>&1 && ${COMPOSE} up -d 2>&1`)
    await host.untilServed()
    expect(await client.pullManifest('app', 'v1')).toEqual(image.manifest)
    expect((await client.delete(`/v2/app/manifests/${digest}`)).status).toBe(202)
    await client.close()
  })
})
