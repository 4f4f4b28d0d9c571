import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'

import { makeCertificates } from '../support/certificates.js'
import type { DaemonKind } from '../support/docker-daemon.js'
import { eventually } from '../support/eventually.js'
import { makeImage, randomLayer } from '../support/images.js'
import type { RegistryClient } from '../support/registry-client.js'
import { DockerHost, IMAGE, REPOSITORY } from './docker-host.js'

const CONFIG = '/etc/docker/registry/config.yml'
/** A file that only its own header tells from the one inside. */
const OWN_CONFIG = `version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ':5000', headers: {X-From: [theirs]}}
`

/** The image of this repository as one builder makes it, run as people run registry:2. */
export function imageContract(kind: DaemonKind): void {
  describe(`the image, built and run by ${kind.title}`, () => {
    let host: DockerHost
    let client: RegistryClient
    let volumes = 0

    beforeAll(async () => {
      host = await DockerHost.start(kind)
      client = await host.client(5000)
    }, 600_000) // the first time it is built
    afterAll(async () => {
      await client.close()
      await host.destroy()
    })
    afterEach(() => host.typed('docker rm -fv reg >/dev/null 2>&1 || true'))

    /** A folder for a store, owned by that user. */
    function makeFolder(owner: number): string {
      const folder = host.join(`store-${++volumes}`)
      mkdirSync(folder)
      chownSync(folder, owner, owner)
      return folder
    }

    /** Starts a container that serves on port 5000. */
    async function start(options: string, command = ''): Promise<void> {
      await host.typed(`docker run -d --name reg -p 5000:5000 ${options} ${IMAGE} ${command}`)
      await host.untilServed()
    }

    function log(): Promise<string> {
      return host.typed('docker logs reg 2>&1')
    }

    /** The user of the process that serves. */
    async function user(): Promise<number> {
      return Number(await host.typed('docker exec reg stat -c %u /proc/1'))
    }

    test('holds the registry with the packages it runs with, and neither tests nor tools', async () => {
      const packages = await host.typed(`docker run --rm ${IMAGE} ls /usr/local/lib/entrepot/node_modules`)
      expect(packages.split('\n')).toEqual(expect.arrayContaining(['commander', 'pino', 'zod']))
      expect(packages).not.toMatch(/typescript|jest|biome|oxlint|node-linux|undici-types/)
      const find = `find /usr/local/lib/entrepot/registry-core -name '*.ts' -o -name '*.test.*' -o -name '*.map'`
      expect(await host.typed(`docker run --rm ${IMAGE} sh -c "${find}; ls / | grep -w src || true"`)).toBe(
        '',
      )
      const { version } = JSON.parse(readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8')) as {
        version: string
      }
      expect(await host.typed(`docker run --rm ${IMAGE} registry-core --version`)).toBe(`${version}\n`)
    })

    test.each([
      ['nothing', ''],
      ['the file', CONFIG],
      ['serve and the file', `serve ${CONFIG}`],
      ['all of it', `registry serve ${CONFIG}`],
      ["the file's newer place", 'serve /etc/distribution/config.yml'],
    ])('serves when it is given %s', async (_, command) => {
      await start('', command)
      expect((await client.get('/v2/')).header('x-content-type-options')).toBe('nosniff')
    })

    test('runs what is typed instead: a shell, cat, the programs', async () => {
      expect(await host.typed(`docker run --rm ${IMAGE} sh -c 'echo here'`)).toBe('here\n')
      const inside = readFileSync(path.join(REPOSITORY, 'registry-core/image/config.yml'), 'utf8')
      expect(await host.typed(`docker run --rm ${IMAGE} cat ${CONFIG}`)).toBe(inside)
      expect(await host.typed(`docker run --rm ${IMAGE} check ${CONFIG}`)).toContain(
        'the store is /var/lib/registry',
      )
      expect(await host.typed(`docker run --rm --entrypoint /bin/registry ${IMAGE} --help`)).toContain(
        'serve',
      )
    })

    test.each([CONFIG, '/etc/distribution/config.yml'])(
      'takes a file that is mounted at %s',
      async (place) => {
        host.write('own/config.yml', OWN_CONFIG)
        await start(`-v ${host.join('own/config.yml')}:${place}:ro`)
        expect((await client.get('/v2/')).header('x-from')).toBe('theirs')
      },
    )

    test('takes a folder with a file that is mounted at /etc/docker/registry', async () => {
      host.write('own/config.yml', OWN_CONFIG)
      await start(`-v ${host.join('own')}:/etc/docker/registry:ro`)
      expect((await client.get('/v2/')).header('x-from')).toBe('theirs')
    })

    test('a volume of its own keeps images when the container is replaced, and needs no root', async () => {
      await start('-v kept:/var/lib/registry')
      const image = makeImage()
      await client.pushImage('team/app', image, 'v1')
      expect(await user()).toBe(1000)
      await host.typed('docker rm -f reg')
      await start('-v kept:/var/lib/registry')
      expect(await client.pullManifest('team/app', 'v1')).toEqual(image.manifest)
    })

    test('runs as the user who has the folder, and writes as that user', async () => {
      const folder = makeFolder(1234)
      await start(`-v ${folder}:/var/lib/registry`)
      await client.pushImage('app', makeImage(), 'v1')
      expect(await user()).toBe(1234)
      expect(ownersIn(folder)).toEqual(new Set([1234]))
      expect(await log()).toContain('runs as user 1234, like the folder /var/lib/registry')
    })

    test('stays root for a folder that root filled, whoever made it, and says so once', async () => {
      const folder = makeFolder(1234)
      mkdirSync(path.join(folder, 'docker/registry/v2/blobs'), { recursive: true })
      await start(`-v ${folder}:/var/lib/registry`)
      await client.pushImage('app', makeImage(), 'v1')
      expect(await user()).toBe(0)
      expect((await log()).match(/runs as root/g)).toHaveLength(1)
      expect(await log()).toContain('chown -R 1000:1000 /var/lib/registry')
    })

    test('stays root where the container may not change its user, and says what to type', async () => {
      const folder = makeFolder(1234)
      await start(`--cap-drop ALL --cap-add DAC_OVERRIDE -v ${folder}:/var/lib/registry`)
      expect(await user()).toBe(0)
      expect(await log()).toContain('start it with --user 1234:1234')
    })

    test('stays root for an account file that only root may read, and says which', async () => {
      host.write('secret/htpasswd', '')
      chmodSync(host.join('secret/htpasswd'), 0o600)
      host.write(
        'secret/config.yml',
        "version: 0.1\nstorage: {filesystem: {}}\nhttp: {addr: ':5000'}\nauth: {htpasswd: {realm: r, path: /secret/htpasswd}}\n",
      )
      const folder = makeFolder(1234)
      await host.typed(
        `docker run -d --name reg -v ${folder}:/var/lib/registry -v ${host.join('secret')}:/secret ${IMAGE} /secret/config.yml`,
      )
      await eventually('it listens', async () => (await log()).includes('listening on'))
      expect(await user()).toBe(0)
      expect(await log()).toContain('belongs to user 1234, who may not read /secret/htpasswd: it stays root')
    })

    test('is healthy behind its own TLS, for whose clients the certificate has other names', async () => {
      const { certificate, key } = await makeCertificates(host.join('.'), ['DNS:registry.test'])
      host.write(
        'tls/config.yml',
        "version: 0.1\nstorage: {filesystem: {}}\nhttp: {addr: ':5000', tls: {certificate: /tls/server.pem, key: /tls/server.key}}\n",
      )
      host.copy(certificate, 'tls/server.pem')
      host.copy(key, 'tls/server.key')
      await host.typed(`docker run -d --name reg -v ${host.join('tls')}:/tls ${IMAGE} /tls/config.yml`)
      await eventually('it listens', async () => (await log()).includes('listening on'))
      expect(await host.typed('docker exec reg registry-core health')).toBe('alive\n')
    })

    test('as another user it names the folder, its owner, and the chown that mends it', async () => {
      const folder = makeFolder(0)
      mkdirSync(path.join(folder, 'docker/registry/v2/blobs'), { recursive: true })
      const run = `docker run --rm --user 1500:1500 -v ${folder}:/var/lib/registry ${IMAGE}`
      const refused = await host.type(run)
      expect(refused.code).toBe(3)
      expect(refused.output).toContain(
        'the folder /var/lib/registry belongs to user 0, this process is user 1500; type: chown -R 1500 /var/lib/registry',
      )
      chownSync(folder, 1500, 1500)
      const { output } = await host.type(run)
      expect(output).toContain('the folder /var/lib/registry/docker/registry/v2 belongs to user 0')
      const command = /chown -R \d+/.exec(output)?.[0]
      await host.typed(`${command} ${folder}`)
      await start(`--user 1500:1500 -v ${folder}:/var/lib/registry`)
      await client.pushImage('app', makeImage(), 'v1')
      expect(ownersIn(folder)).toEqual(new Set([1500]))
    })

    test('works with a root file system that is read-only, and without any capability', async () => {
      await start(
        '--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v hardened:/var/lib/registry --user 1000:1000',
      )
      const image = makeImage()
      await client.pushImage('app', image, 'v1')
      expect(await client.pullManifest('app', 'v1')).toEqual(image.manifest)
    })

    test('docker stop lets an upload that runs end, then the registry ends with 0', async () => {
      await start('')
      const layer = randomLayer(200_000)
      const location = await client.startUpload('app')
      const first = Promise.withResolvers<undefined>()
      const rest = Promise.withResolvers<undefined>()
      async function* slowly(): AsyncGenerator<Uint8Array> {
        yield layer.bytes.subarray(0, 100_000)
        first.resolve(undefined)
        await rest.promise
        yield layer.bytes.subarray(100_000)
      }
      const target = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(layer.descriptor.digest)}`
      const sent = client.put(target, slowly(), { 'content-type': 'application/octet-stream' })
      await first.promise
      const stopped = host.typed('docker stop -t 60 reg')
      await eventually('it has heard of the stop', async () => (await log()).includes('stopping'))
      rest.resolve(undefined)
      expect((await sent).status).toBe(201)
      await stopped
      expect(await host.typed("docker inspect -f '{{.State.ExitCode}}' reg")).toBe('0\n')
    })

    test('Docker sees that it is healthy, also on an address and in a file of its own', async () => {
      host.write(
        'elsewhere.yml',
        'version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: 127.0.0.1:6000}\n',
      )
      await host.typed(
        `docker run -d --name reg -v ${host.join('elsewhere.yml')}:/elsewhere.yml ${IMAGE} /elsewhere.yml`,
      )
      await eventually(
        'it is healthy',
        async () => (await host.typed("docker inspect -f '{{.State.Health.Status}}' reg")) === 'healthy\n',
        { deadlineMs: 60_000, everyMs: 500 },
      )
      expect(await host.typed(`docker exec reg registry-core health`)).toBe('alive\n')
      expect(await host.type(`docker run --rm ${IMAGE} health`)).toMatchObject({ code: 1 })
    })

    test('says in words what it cannot do yet, and what is wrong with a file', async () => {
      await start('')
      const collect = await host.type(`docker exec reg registry garbage-collect ${CONFIG}`)
      expect(collect.output).toContain('does not collect yet')
      host.write('wrong.yml', 'version: 0.1\nstorage: {filesystem: {}}\nhttp: {addr: 5000x}\n')
      const wrong = await host.type(`docker run --rm -v ${host.join('wrong.yml')}:${CONFIG} ${IMAGE}`)
      expect(wrong.code).toBe(2)
      expect(wrong.output).toContain(`${CONFIG}: http.addr is "5000x"; allowed is an address like`)
    })
  })
}

/** Every user who has something in a folder. */
function ownersIn(folder: string): Set<number> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return new Set(names.map((name) => lstatSync(path.join(folder, name)).uid))
}
