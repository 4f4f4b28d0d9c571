import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { openScene, type Scene } from '../mirror/scene.js'
import { attempt, type Outcome, run } from '../support/commands.js'
import { digestOf, makeImage } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { type RunningNginx, startNginx } from '../support/nginx.js'

const HUB = 'docker.io'
const QUAY = 'quay.io'
const REPOSITORY = 'org/img'

/** A mount namespace in which quay.io is this machine, as in the hosts file of a closed network. */
const WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'

describeNeeding(
  [
    { program: 'nginx', debianPackage: 'nginx-light' },
    { program: 'openssl', debianPackage: 'openssl' },
    { program: 'skopeo', debianPackage: 'skopeo' },
    { program: 'unshare', debianPackage: 'util-linux' },
  ],
  'skopeo in a network where quay.io is our nginx with TLS',
  () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    const file = (name: string): string => path.join(folder, name)
    const [image, namesake] = [makeImage({ layers: 2 }), makeImage({ layers: 2 })]
    let scene: Scene<typeof HUB | typeof QUAY> & { close(): Promise<void> }
    let nginx: RunningNginx
    let pulls = 0

    beforeAll(async () => {
      const coreSocket = file('core.sock')
      scene = await openScene({ hosts: { [HUB]: {}, [QUAY]: {} }, socket: coreSocket })
      nginx = await startNginx({
        coreSocket,
        storeRoot: scene.mirror.core.root,
        names: [`DNS:${QUAY}`],
        virtualHosts: [{ names: [QUAY], view: { upstream: QUAY } }],
      })
      scene.upstreams[QUAY].hold(REPOSITORY, image, 'v1')
      scene.upstreams[HUB].hold(REPOSITORY, namesake, 'v1')
      writeFileSync(file('hosts'), `127.0.0.1 localhost ${QUAY}\n`)
      mkdirSync(file('certs'))
      copyFileSync(nginx.caFile ?? '', file('certs/ca.crt'))
    })
    afterAll(async () => {
      await nginx.stop()
      await scene.close()
      rmSync(folder, { recursive: true })
    })

    function skopeo(...args: readonly string[]): [program: string, args: readonly string[]] {
      return ['unshare', ['--mount', 'sh', '-c', WITH_HOSTS, file('hosts'), 'skopeo', ...args]]
    }

    /** The port alone is not 443: name and certificate are those of quay.io. */
    function reference(): string {
      return `docker://${QUAY}:${nginx.tlsPort}/${REPOSITORY}`
    }

    /** Copies the image into a folder; answers the folder. */
    async function pull(): Promise<string> {
      const to = file(`pulled-${(pulls += 1)}`)
      await run(...skopeo('copy', '--src-cert-dir', file('certs'), `${reference()}:v1`, `dir:${to}`))
      return to
    }

    function expectImage(pulled: string): void {
      for (const { descriptor } of image.blobs) {
        const [, hex = ''] = descriptor.digest.split(':')
        expect(existsSync(path.join(pulled, hex))).toBe(true)
        expect(digestOf(readFileSync(path.join(pulled, hex)))).toBe(descriptor.digest)
      }
      const manifest = readFileSync(path.join(pulled, 'manifest.json'))
      expect(digestOf(manifest)).toBe(image.manifest.descriptor.digest)
    }

    test('pulls what quay.io has, not what another hub has under that name', async () => {
      expectImage(await pull())
      expect(scene.upstreams[QUAY].count({ kind: 'manifest' })).toBeGreaterThan(0)
      expect(scene.upstreams[HUB].count({ kind: 'manifest' })).toBe(0)
    })

    test('lists the tags that it has there', async () => {
      const listed = await run(...skopeo('list-tags', '--cert-dir', file('certs'), reference()))
      expect(JSON.parse(listed)).toMatchObject({ Tags: ['v1'] })
    })

    test('pulls it again when quay.io is gone, and the layers leave through nginx', async () => {
      await scene.upstreams[QUAY].down()
      const asked = nginx.accessLog().length
      expectImage(await pull())
      expect(nginx.accessLog().length).toBeGreaterThan(asked + image.blobs.length)
      await scene.upstreams[QUAY].up()
    })

    test('pushes nothing there', async () => {
      const pushed: Outcome = await attempt(
        ...skopeo('copy', '--dest-cert-dir', file('certs'), `dir:${file('pulled-1')}`, `${reference()}:v1`),
      )
      expect(pushed.code).not.toBe(0)
      expect(pushed.output).toMatch(/unsupported|405|push to/i)
    })

    test('trusts the certificate of quay.io, and no connection without it', async () => {
      const { code, output } = await attempt(...skopeo('inspect', `${reference()}:v1`))
      expect(code).not.toBe(0)
      expect(output).toContain('certificate')
    })
  },
)
