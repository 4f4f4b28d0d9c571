import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { EVERY_MANIFEST_TYPE } from '../support/registry-client.js'
import { addressInside, DockerHost, HOSTS, IMAGE } from './docker-host.js'

const COMPOSE_FILE = `services:
  registry:
    container_name: registry
    image: ${IMAGE}
    restart: always
    ports:
      - "5000:5000"
      - "5001:5001"
    volumes:
      - ./data:/var/lib/registry
      - ./config.yml:/etc/docker/registry/config.yml
`

const ELASTIC = 'docker.elastic.co'

/** One process for what people had one process each for: the registry, and the mirrors of two hubs. */
function configFile(hub: FakeUpstream, elastic: FakeUpstream): string {
  const upstreams = [
    { host: 'docker.io', urls: [addressInside(hub)] },
    { host: ELASTIC, urls: [addressInside(elastic)] },
  ]
  return JSON.stringify({
    version: 0.1,
    storage: { filesystem: { rootdirectory: '/var/lib/registry' } },
    http: { addr: ':5000' },
    listeners: [{ addr: ':5001', view: 'mirror' }],
    mirrors: { upstreams },
  })
}

const BOX = 'registry.local'

describe('setup C', () => {
  let host: DockerHost
  let hub: FakeUpstream
  let elastic: FakeUpstream

  beforeAll(async () => {
    ;[hub, elastic] = await Promise.all([FakeUpstream.start(), FakeUpstream.start()])
    host = await DockerHost.start(HOSTS[0], {
      hosts: { [BOX]: '127.0.0.1' },
      mirrors: [`http://${BOX}:5999`, `http://${BOX}:5001`], // nobody listens on the first
      insecure: [`${BOX}:5000`],
    })
    host.writeAll('c', { 'docker-compose.yml': COMPOSE_FILE, 'config.yml': configFile(hub, elastic) })
    await host.typed('cd c && docker compose up -d 2>&1')
    await host.untilServed()
  }, 600_000) // the first time the image is built
  afterAll(async () => {
    await host.destroy()
    await Promise.all([hub.close(), elastic.close()])
  })

  test('Docker Hub comes by the second mirror when the first is dead', async () => {
    const busybox = host.hold(hub, 'library/busybox')
    expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
    expect(hub.count({ repository: 'library/busybox' })).toBeGreaterThan(0)
  })

  test("Elastic's hub is asked by prefix, and not again for what it has given", async () => {
    const made = host.hold(elastic, 'elasticsearch/elasticsearch')
    const name = `${BOX}:5000/${ELASTIC}/elasticsearch/elasticsearch:1`
    expect(await host.pullAndRun(name)).toBe(made.prints)
    await elastic.down()
    expect(await host.pullAndRun(name)).toBe(made.prints)
    await elastic.up()
    expect(hub.count({ repository: 'elasticsearch/elasticsearch' })).toBe(0)
  })

  test('and by ns, as newer clients do', async () => {
    const made = host.hold(elastic, 'kibana/kibana')
    const client = await host.client(5001)
    const target = `/v2/kibana/kibana/manifests/1?ns=${ELASTIC}`
    const answer = await client.get(target, { accept: EVERY_MANIFEST_TYPE })
    expect([answer.status, answer.header('docker-content-digest')]).toEqual([200, made.manifest.digest])
    expect(answer.header('oci-namespace')).toBe(ELASTIC)
    await client.close()
  })

  test('what people pull there, tag and push goes on to be theirs, by its bare name of two parts', async () => {
    const made = host.hold(elastic, 'beats/filebeat')
    const theirs = `${BOX}:5000/${ELASTIC}/beats/filebeat:1`
    const own = `${BOX}:5000/beats/filebeat:1`
    await host.daemon.docker('pull', theirs)
    await host.daemon.docker('tag', theirs, own)
    await host.daemon.push(own)
    await elastic.down()
    await host.daemon.forget(own)
    expect(await host.pullAndRun('beats/filebeat:1')).toBe(made.prints)
    await elastic.up()
    expect(hub.count({ repository: 'beats/filebeat' })).toBe(0)
  })

  test('an upstream that refuses connections is named in the log with the cause', async () => {
    await elastic.down()
    const pull = await host.daemon.attempt('pull', `${BOX}:5000/${ELASTIC}/never/seen:1`)
    expect(pull).toMatchObject({ code: 1, output: expect.stringMatching(/manifest unknown|not found/) })
    expect(await host.typed('docker logs registry 2>&1')).toMatch(
      /refuses the connection: nothing serves at that port.*upstream=docker\.elastic\.co/,
    )
    await elastic.up()
  })
})
