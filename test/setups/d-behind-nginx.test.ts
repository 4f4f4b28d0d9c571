import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { makeCertificates } from '../support/certificates.js'
import type { LayoutImage } from '../support/image-layout.js'
import type { RunningProcess } from '../support/processes.js'
import { DockerHost, HOSTS, IMAGE, REGISTRY_2, REGISTRY_2_CONFIG } from './docker-host.js'
import { COMPOSE_FILE, DOMAIN, OUTSIDE, startNginx } from './setup-d.js'

/** Setup D's files, deletes on. */
const FILES = {
  'docker-compose.yml': COMPOSE_FILE,
  'config.yml': REGISTRY_2_CONFIG.replace('http:\n', '  delete:\n    enabled: true\n$&'),
}

describe.each(HOSTS)('setup D, the store: $title', (kind) => {
  const keys = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const curl = `curl -s --cacert ca.pem https://${DOMAIN}`
  let host: DockerHost
  let nginx: RunningProcess
  let before: LayoutImage

  beforeAll(async () => {
    const { caFile } = await makeCertificates(keys, [`DNS:${DOMAIN}`])
    host = await DockerHost.start(kind, { hosts: { [DOMAIN]: OUTSIDE }, authorities: { [DOMAIN]: caFile } })
    host.writeAll('d', FILES)
    host.copy(caFile, 'ca.pem')
    nginx = await startNginx(host, keys)
    await host.typed('cd d && docker compose up -d 2>&1')
    await host.untilServed()
    before = await host.make(`${DOMAIN}/app`)
    await host.daemon.push(`${DOMAIN}/app`)
    await host.move('d', REGISTRY_2, IMAGE)
    await host.untilServed()
  }, 600_000) // the first time the image is built
  afterAll(async () => {
    await nginx.stop()
    await host.destroy()
    rmSync(keys, { recursive: true })
  })

  test('what registry:2 took is there, in the folder that the variable names', async () => {
    expect(await host.pullAndRun(`${DOMAIN}/app`)).toBe(before.prints)
    expect(await host.typed('docker logs registry 2>&1')).toContain('/data')
    expect(existsSync(host.join('d/data/entrepot'))).toBe(true)
  })

  test('what is pushed through their nginx comes back by it, also after a restart', async () => {
    const made = await host.make(`${DOMAIN}/team/later`)
    await host.daemon.push(`${DOMAIN}/team/later`)
    await host.typed('cd d && docker compose restart')
    await host.untilServed()
    expect(await host.pullAndRun(`${DOMAIN}/team/later`)).toBe(made.prints)
  })

  test('an image is deleted by its digest, as the file allows', async () => {
    await host.make(`${DOMAIN}/gone`)
    const digest = await host.daemon.push(`${DOMAIN}/gone`)
    const remove = `${curl}/v2/gone/manifests/${digest} -o /dev/null -w '%{http_code}' -X DELETE`
    expect(await host.typed(remove)).toBe('202')
    expect(await host.typed(remove)).toBe('404')
    const pull = await host.daemon.attempt('pull', `${DOMAIN}/gone`)
    expect(pull).toMatchObject({ code: 1, output: expect.stringMatching(/manifest unknown|not found/) })
  })

  test('an upload goes on at the address that the client used', async () => {
    const head = await host.typed(`${curl}/v2/app/blobs/uploads/ -X POST -D - -o /dev/null`)
    const location = /^location: (\S+)/im.exec(head)?.[1] ?? ''
    expect(new URL(location, `https://${DOMAIN}`).origin).toBe(`https://${DOMAIN}`)
  })

  test('the cron job of registry:2 is told in words that it collects nothing yet', async () => {
    expect(await host.typed('docker exec registry cat /etc/docker/registry/config.yml')).toBe(
      FILES['config.yml'],
    )
    const job = await host.type(
      'docker exec registry registry garbage-collect /etc/docker/registry/config.yml',
    )
    expect(job.output).toContain('does not collect yet')
    expect(await host.pullAndRun(`${DOMAIN}/app`)).toBe(before.prints)
  })
})
