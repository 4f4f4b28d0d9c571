import { readdirSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { LayoutImage } from '../support/image-layout.js'
import { addressInside, DockerHost, HOSTS, IMAGE, REGISTRY_2_CONFIG } from './docker-host.js'

/** Setup E's file, with our image. */
const COMPOSE_FILE = `version: '2'
services:
  registry:
    container_name: registry
    restart: always
    image: ${IMAGE}
    ports:
      - 5000:5000
    volumes:
      - ./config:/etc/docker/registry:ro
      - ./data:/var/lib/registry:rw
`
const CATALOG = 'curl -s http://localhost:5000/v2/_catalog'

describe('setup E', () => {
  let host: DockerHost
  let upstream: FakeUpstream
  let busybox: LayoutImage

  beforeAll(async () => {
    upstream = await FakeUpstream.start()
    host = await DockerHost.start(HOSTS[1], { mirrors: ['http://localhost:5000'] })
    host.writeAll('e', {
      'docker-compose.yml': COMPOSE_FILE,
      // There is no network, so a scripted upstream stands for https://registry-1.docker.io.
      'config/config.yml': `${REGISTRY_2_CONFIG}proxy:\n  remoteurl: ${addressInside(upstream)}\n`,
    })
    busybox = host.hold(upstream, 'library/busybox')
    await host.typed('cd e && docker compose up -d 2>&1')
    await host.untilServed()
  }, 600_000) // the first time the image is built
  afterAll(async () => {
    await host.destroy()
    await upstream.close()
  })

  test('the catalog is empty, then lists what was pulled, and a second pull needs no upstream', async () => {
    expect(JSON.parse(await host.typed(CATALOG))).toEqual({ repositories: [] })
    expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
    expect(JSON.parse(await host.typed(CATALOG))).toEqual({ repositories: ['library/busybox'] })
    await upstream.down()
    await host.typed('docker rmi -f busybox:1')
    expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
    await upstream.up()
  })

  test('it comes back by itself when it is killed, with what it had', async () => {
    await host.typed(`kill -9 $(docker inspect --format '{{.State.Pid}}' registry)`)
    await host.untilServed()
    expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
    expect(readdirSync(host.join('e/config'))).toEqual(['config.yml'])
  })

  test('the folder is deleted to start again, as its author advises', async () => {
    await host.typed('cd e && docker compose stop 2>&1 && rm -rf data/* && docker compose start 2>&1')
    await host.untilServed()
    expect(JSON.parse(await host.typed(CATALOG))).toEqual({ repositories: [] })
    expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
  })
})
