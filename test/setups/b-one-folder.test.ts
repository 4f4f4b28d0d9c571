import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'

import type { LayoutImage } from '../support/image-layout.js'
import { DockerHost, HOSTS, IMAGE, REGISTRY_2 } from './docker-host.js'

jest.setTimeout(180_000)

/** Setup B's command, with the image's name open. */
function runCommand(image: string): string {
  return `mkdir -p b && cd b && docker run -d --name registry -p 5000:5000 -v $PWD/images:/var/lib/registry ${image}`
}

const NAME = 'localhost:5000/app'

describe.each(HOSTS)('setup B, the first half: $title', (kind) => {
  let host: DockerHost
  let made: LayoutImage

  beforeAll(async () => {
    host = await DockerHost.start(kind)
  }, 600_000) // the first time the image is built
  afterAll(() => host.destroy())

  async function start(image: string): Promise<void> {
    await host.typed(runCommand(image))
    await host.untilServed()
  }

  test('push, remove the registry, start it with the same folder, pull', async () => {
    await start(IMAGE)
    made = await host.make(NAME)
    await host.daemon.push(NAME)
    await host.typed('docker stop registry && docker rm registry')
    await start(IMAGE)
    expect(await host.pullAndRun(NAME)).toBe(made.prints)
  })

  test('the same when it is killed instead of stopped', async () => {
    const name = `${NAME}:killed`
    const killed = await host.make(name)
    await host.daemon.push(name)
    await host.typed('docker rm -f registry')
    await start(IMAGE)
    expect(await host.pullAndRun(name)).toBe(killed.prints)
  })

  test('registry:2 serves the folder as well, and what it takes is there afterwards', async () => {
    await host.typed('docker stop registry && docker rm registry')
    await start(REGISTRY_2)
    expect(await host.pullAndRun(NAME)).toBe(made.prints)
    const name = `${NAME}:from-registry-2`
    const other = await host.make(name)
    await host.daemon.push(name)
    await host.typed('docker stop registry && docker rm registry')
    await start(IMAGE)
    expect(await host.pullAndRun(name)).toBe(other.prints)
    expect(await host.pullAndRun(NAME)).toBe(made.prints)
  })
})
