import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { RESTRICTED } from '../support/accounts.js'
import { makeCertificates, signCertificate } from '../support/certificates.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { LayoutImage } from '../support/image-layout.js'
import type { RunningProcess } from '../support/processes.js'
import { addressInside, DockerHost, HOSTS, IMAGE, REGISTRY_2, REGISTRY_2_CONFIG } from './docker-host.js'
import { COMPOSE_FILE, DOMAIN, OUTSIDE, startNginx } from './setup-d.js'

/** There is no network: a scripted upstream stands for https://registry-1.docker.io. */
function configFile(upstream: FakeUpstream): string {
  return `${REGISTRY_2_CONFIG}proxy:\n  remoteurl: ${addressInside(upstream)}\n`
}

/** Where `docker login` keeps the password of Docker Hub, and what Docker offers to mirrors that ask. */
const HUB_LOGIN = Buffer.from('me:canary-of-the-hub').toString('base64')

describe('setup D, the mirror', () => {
  const keys = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  let host: DockerHost
  let upstream: FakeUpstream
  let nginx: RunningProcess | undefined
  let before: LayoutImage

  beforeAll(async () => {
    const authority = await makeCertificates(keys, [`DNS:${DOMAIN}`])
    const client = await signCertificate(keys, 'client', authority)
    upstream = await FakeUpstream.start()
    host = await DockerHost.start(HOSTS[0], {
      hosts: { [DOMAIN]: OUTSIDE },
      authorities: { [DOMAIN]: authority.caFile },
      certificates: { [DOMAIN]: client },
      mirrors: [`https://${DOMAIN}`],
    })
    host.writeAll('d', { 'docker-compose.yml': COMPOSE_FILE, 'config.yml': configFile(upstream) })
    host.write(
      '../cli/config.json',
      JSON.stringify({ auths: { 'https://index.docker.io/v1/': { auth: HUB_LOGIN } } }),
    )
    // Who may pull at all is said by a certificate, which Docker shows to mirrors too.
    const closed = `ssl_client_certificate ${host.join('nginx/ca.pem')};\n    ssl_verify_client on;`
    nginx = await startNginx(host, keys, closed)
    await host.typed('cd d && docker compose up -d 2>&1')
    await host.untilServed()
    before = host.hold(upstream, 'library/before')
    await host.pullAndRun('before:1')
    await host.move('d', REGISTRY_2, IMAGE)
    await host.untilServed()
  }, 600_000) // the first time the image is built
  afterAll(async () => {
    await nginx?.stop()
    await host.destroy()
    await upstream.close()
    rmSync(keys, { recursive: true })
  })

  function nginxLog(): string {
    return readFileSync(host.join('nginx/access.log'), 'utf8')
  }

  test('is used over https, through their nginx, with what registry:2 had fetched', async () => {
    const busybox = host.hold(upstream, 'library/busybox')
    expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
    expect(await host.pullAndRun('before:1')).toBe(before.prints)
    await upstream.down()
    expect(await host.pullAndRun('busybox:1')).toBe(busybox.prints)
    expect(await host.pullAndRun('before:1')).toBe(before.prints)
    await upstream.up()
    expect(nginxLog()).toContain('GET /v2/library/busybox/blobs/')
  })

  test('is closed to those without a certificate', async () => {
    const ask = `curl -s -o /dev/null -w '%{http_code}' --cacert nginx/ca.pem https://${DOMAIN}/v2/`
    expect(await host.typed(ask)).toBe('400')
  })

  async function restartWith(anonymous: 'pull' | 'none'): Promise<void> {
    const access = { ...RESTRICTED.access, anonymous }
    host.write('d/config.yml', `${configFile(upstream)}access: ${JSON.stringify(access)}\n`)
    await host.typed('docker restart registry')
    await host.untilServed()
  }

  test('that has accounts asks a daemon that is logged in at Docker Hub for nothing', async () => {
    await restartWith('none')
    host.hold(upstream, 'library/closed')
    await expect(host.pullAndRun('closed:1')).rejects.toThrow('docker pull closed:1 ended with 1')
    await restartWith('pull')
    const image = host.hold(upstream, 'library/restricted')
    expect(await host.pullAndRun('restricted:1')).toBe(image.prints)
    expect(upstream.count({ repository: 'library/closed' })).toBe(0)
    expect(nginxLog()).toContain('/v2/library/restricted/manifests/1')
    expect(nginxLog()).toContain('/v2/library/closed/manifests/1')
    expect(nginxLog()).not.toContain(HUB_LOGIN)
  })

  test('drops a password of Docker Hub that it is sent all the same', async () => {
    const mirror = 'http://127.0.0.1:5000'
    const login = `-H 'Authorization: Basic ${HUB_LOGIN}'`
    const accept = `-H 'Accept: application/vnd.oci.image.manifest.v1+json'`
    const status = `-s -o /dev/null -w '%{http_code} '`
    const answers = await host.typed(
      `curl ${status} ${login} '${mirror}/token?service=entrepot&scope=repository:library/busybox:pull'
       curl ${status} ${login} ${accept} ${mirror}/v2/library/busybox/manifests/1
       curl ${status} ${login} ${accept} ${mirror}/v2/library/none/manifests/1`,
    )
    expect(answers.trim()).toBe('200 200 404')
    const seen = [await host.typed('docker logs registry 2>&1'), JSON.stringify(upstream.requests)].join('\n')
    for (const secret of [HUB_LOGIN, 'canary-of-the-hub']) {
      expect(seen).not.toContain(secret)
      expect((await host.type(`grep -r ${secret} d/data`)).code).toBe(1)
    }
  })
})
