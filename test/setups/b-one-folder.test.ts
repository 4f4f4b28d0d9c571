import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { LayoutImage } from '../support/image-layout.js'
import { addressInside, DockerHost, HOSTS, IMAGE, REGISTRY_2, REGISTRY_2_CONFIG } from './docker-host.js'

interface Run {
  readonly image?: string
  readonly port?: number
  /** Its configuration, beside the folder; that of the image when missing. */
  readonly file?: string
}

/** Setup B's command, with the image's name open. */
function runCommand({ image = IMAGE, port = 5000, file }: Run): string {
  const config = file === undefined ? '' : `-v $PWD/${file}:/etc/docker/registry/config.yml `
  return `mkdir -p b && cd b && docker run -d --name registry -p ${port}:5000 -v $PWD/images:/var/lib/registry ${config}${image}`
}

const NAME = 'localhost:5000/app'
const PASSWORD = 'canary-of-quay'

/** There is no network, so `remoteurl` names scripted upstreams; all else is as people have it. */
function proxyFile(upstream: FakeUpstream, login = ''): string {
  return `${REGISTRY_2_CONFIG}proxy:\n  remoteurl: ${addressInside(upstream)}\n${login}`
}

describe.each(HOSTS)('setup B: $title', (kind) => {
  let host: DockerHost
  let made: LayoutImage
  let hub: FakeUpstream
  let quay: FakeUpstream

  beforeAll(async () => {
    hub = await FakeUpstream.start()
    quay = await FakeUpstream.start({ auth: 'basic', users: { me: PASSWORD } })
    host = await DockerHost.start(kind, {
      hosts: { 'quay.io': '127.0.0.1' },
      mirrors: ['http://localhost:5000'],
      insecure: ['http://quay.io'],
    })
    host.write('b/hub.yml', proxyFile(hub))
    host.write('b/quay.yml', proxyFile(quay, `  username: me\n  password: ${PASSWORD}\n`))
  }, 600_000) // the first time the image is built
  afterAll(async () => {
    await host.destroy()
    await Promise.all([hub.close(), quay.close()])
  })

  async function start(image: string): Promise<void> {
    await host.typed(runCommand({ image }))
    await host.untilServed()
  }

  /** Removes the container and starts another one on the same folder. */
  async function restart({ port = 5000, ...how }: Run): Promise<void> {
    await host.typed('docker stop registry && docker rm registry')
    await host.typed(runCommand({ port, ...how }))
    await host.untilServed(`127.0.0.1:${port}`)
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

  describe('as a mirror of Docker Hub, on the same folder', () => {
    let busybox: LayoutImage

    beforeAll(async () => {
      busybox = host.hold(hub, 'library/busybox')
      await restart({ file: 'hub.yml' })
    })

    test('docker pull fetches by it, and its log shows the requests', async () => {
      expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
      const log = await host.typed('docker logs registry 2>&1')
      for (const { digest } of busybox.layers) expect(log).toContain(`/v2/library/busybox/blobs/${digest}`)
    })

    test('what was pushed before is there under its bare name', async () => {
      expect(await host.pullAndRun('app')).toBe(made.prints)
    })

    test('it has the images still when it was removed, and the upstream is gone', async () => {
      await hub.down()
      await restart({ file: 'hub.yml' })
      expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
      await hub.up()
    })

    test('a push to it is refused, and says where to push', async () => {
      await host.make('localhost:5000/pushed')
      const push = await host.daemon.attempt('push', 'localhost:5000/pushed')
      expect(push.code).toBe(1)
      expect(push.output).toContain('push to')
    })
  })

  describe('as a mirror of quay.io by its name, on port 80 and the same folder', () => {
    let image: LayoutImage

    beforeAll(async () => {
      image = host.hold(quay, 'myorg/myimage')
      await restart({ file: 'quay.yml', port: 80 })
    })

    test('docker pull quay.io/myorg/myimage comes from it, with the password of the file', async () => {
      expect(await host.pullAndRun('quay.io/myorg/myimage:1')).toBe(image.prints)
      await quay.down()
      expect(await host.pullAndRun('quay.io/myorg/myimage:1')).toBe(image.prints)
      await quay.up()
      expect(await host.typed('docker logs registry 2>&1')).not.toContain(PASSWORD)
    })

    test("a name that the folder has of Docker Hub is quay.io's here, and Docker Hub's there", async () => {
      const theirs = host.hold(quay, 'library/busybox')
      expect(await host.pullAndRun('quay.io/library/busybox:1')).toBe(theirs.prints)
      await restart({ file: 'hub.yml' })
      const official = host.hold(hub, 'library/busybox')
      expect(official.prints).not.toBe(theirs.prints)
      expect(await host.pullAndRun('busybox:1')).toBe(official.prints)
    })
  })

  test('one process is Docker Hub and quay.io at once, by the name that it is asked by', async () => {
    const upstreams = [
      { host: 'docker.io', urls: [addressInside(hub)] },
      { host: 'quay.io', urls: [addressInside(quay)], username: 'me', password: PASSWORD, expose: 'all' },
    ]
    host.write('b/both.yml', `${REGISTRY_2_CONFIG}mirrors: ${JSON.stringify({ upstreams })}\n`)
    await restart({ file: 'both.yml', port: 80 })
    const image = host.hold(quay, 'org/img')
    expect(await host.pullAndRun('quay.io/org/img:1')).toBe(image.prints)
    expect(quay.count({ repository: 'org/img' })).toBeGreaterThan(0)
    expect(hub.count({ repository: 'org/img' })).toBe(0)
  })
})
