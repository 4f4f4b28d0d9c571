import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { systemClock } from '#control/system/clock.js'
import { eventually } from '../support/eventually.js'
import { makeImage, randomLayer } from '../support/images.js'
import { expectStatus } from '../support/registry-client.js'
import type { RunningBox } from './running-box.js'
import { useRunningBox } from './use-running-box.js'

const MIB = 1024 * 1024
const DOCKER = { 'user-agent': 'docker/29.1.3 go/go1.25.0' }

/** What nginx has logged, newest last. */
function linesOf(box: RunningBox): readonly Readonly<Record<string, unknown>>[] {
  const text = readFileSync(path.join(box.data, 'nginx/logs/access.log'), 'utf8')
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line): Record<string, unknown> => ({ ...JSON.parse(line) }))
}

const running = useRunningBox()

describe('the last pull seen from a client', () => {
  async function seen(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { items } = (await running().change('GET', 'clients/seen')) as {
      items: readonly Readonly<Record<string, unknown>>[]
    }
    return items
  }

  test('has its program, address, listener and time, and outlives the control plane', async () => {
    const box = running()
    const [registry, mirror] = [
      box.client('tls', box.account, DOCKER),
      box.client('mirrorTls', undefined, { 'user-agent': 'containerd/2.1.4' }),
    ]
    const fromMs = systemClock.now().getTime()
    await registry.pushImage('seen/image', makeImage(), 'latest')
    expect(await seen()).toEqual([]) // a push is none
    await registry.get('/v2/seen/image/manifests/latest')
    await mirror.get('/v2/seen/image/manifests/latest')
    const way = { address: '127.0.0.1', scheme: 'https', pulls: 1 }
    const expected = [
      expect.objectContaining({ ...way, program: 'containerd', view: 'mirror', account: '' }),
      expect.objectContaining({ ...way, program: 'docker', view: 'registry', account: box.account.name }),
    ]
    const found = await seen()
    expect(found).toEqual(expected)
    expect(Date.parse(String(found[0]?.['lastPull']))).toBeGreaterThanOrEqual(fromMs - 1000) // nginx tells seconds
    await Promise.all([registry.close(), mirror.close()])
    await box.signal('control plane', 'SIGKILL')
    await eventually('it is back', async () => (await box.ask('GET', 'health')).status === 200)
    expect((await seen()).map(({ program, view }) => [program, view])).toEqual([
      ['containerd', 'mirror'],
      ['docker', 'registry'],
    ])
  })

  test.each([
    ['tls', '/v2/seen/none/manifests/1'],
    ['admin', '/api/v1/health'],
  ] as const)('a request on %s has one id: in the log of nginx, and in the answer', async (port, target) => {
    const client = running().client(port, undefined, { 'x-request-id': 'of-the-client-0123456789' })
    const answer = await client.get(target)
    await client.close()
    const id = answer.header('x-request-id')
    expect(id).toMatch(/^[0-9a-f]{32}$/) // nginx's own: a client's would be in logs as if it were ours
    await eventually('nginx has logged it', () =>
      linesOf(running()).some((line) => line['request_id'] === id && line['target'] === target),
    )
  })

  test('a problem of the API has the id of its request', async () => {
    const answer = await running().ask('GET', 'accounts/nobody')
    expect(answer.json()).toMatchObject({
      instance: expect.stringContaining(answer.header('x-request-id') ?? 'none'),
    })
  })

  test('a change has the id of its request in the audit, too', async () => {
    const answer = await running().ask('POST', 'accounts', {
      name: 'with-an-id',
      rights: [{ repositories: ['**'], actions: ['pull'] }],
    })
    const { items } = (await running().change('GET', 'audit?limit=5')) as {
      items: readonly Readonly<Record<string, unknown>>[]
    }
    expect(items).toContainEqual(
      expect.objectContaining({ target: 'with-an-id', requestId: answer.header('x-request-id') }),
    )
  })
})

describe('the one address for the metrics of a box', () => {
  let token: string

  beforeAll(async () => {
    const made = await running().change('POST', 'admin-tokens', { name: 'prometheus', rights: 'read' })
    token = (made as { readonly token: string }).token
  })

  /** As Prometheus asks. */
  async function scrape(): Promise<string> {
    const client = running().client('admin', undefined, { authorization: `Bearer ${token}` })
    const answer = await client.get('/metrics')
    await client.close()
    expectStatus(answer, 200)
    return answer.body.toString()
  }

  /** The sum of the samples of a name whose labels have all of these. */
  function sum(text: string, name: string, ...labels: readonly string[]): number {
    const rows = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    const found = rows.filter((line) => labels.every((label) => line.includes(label)))
    return found.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  const SENT = 'entrepot_front_sent_bytes_total'
  const REQUESTS = 'entrepot_front_requests_total'

  test('has the bytes that nginx sent from disk, the core, every part and the ends of certificates', async () => {
    const box = running()
    const before = await scrape()
    const client = box.client('tls', box.account, DOCKER)
    const descriptor = await client.pushBlob('seen/app', randomLayer(3 * MIB))
    await client.pullBlob('seen/app', descriptor.digest)
    await client.close()
    const after = await scrape()
    const grew = (...what: [string, ...string[]]) => sum(after, ...what) - sum(before, ...what)
    expect(grew(SENT, 'view="registry"', 'scheme="https"', 'by="disk"')).toBeGreaterThan(3 * MIB)
    expect(grew('entrepot_front_received_bytes_total', 'view="registry"')).toBeGreaterThan(3 * MIB)
    expect(grew('registry_http_requests_total', 'route="blob"')).toBeGreaterThan(0)
    expect(grew(REQUESTS, 'view="admin"')).toBeGreaterThan(0)
    for (const part of ['postgres', 'core', 'front', 'certificate'])
      expect(after).toContain(`entrepot_part_up{part="${part}"} 1\n`)
    expect(sum(after, 'entrepot_certificate_remaining_seconds', 'server')).toBeGreaterThan(86_400)
    expect(sum(after, 'entrepot_configuration_changes', 'applied')).toBeGreaterThan(0)
  })

  test('answers while Postgres hangs, and says that it does', async () => {
    const frozen = running()
      .processes()
      .filter(({ command }) => /\/bin\/postgres |^postgres: /.test(command))
    for (const { pid } of frozen) process.kill(pid, 'SIGSTOP')
    try {
      const text = await scrape()
      expect(text).toContain('entrepot_part_up{part="postgres"} 0\n')
      expect(text).toContain('entrepot_part_up{part="core"} 1\n')
      expect(text).toContain('registry_upstream_breaker_open{')
    } finally {
      for (const { pid } of frozen) process.kill(pid, 'SIGCONT')
    }
  })

  test('loses no request that was logged while the control plane was not there', async () => {
    const box = running()
    const client = box.client('mirrorTls', undefined, DOCKER)
    await box.signal('control plane', 'SIGKILL')
    for (let times = 0; times < 7; times++) await client.head('/v2/while/away/manifests/1')
    await client.close()
    await eventually('it is back', async () => (await box.ask('GET', 'health')).status === 200)
    expect(sum(await scrape(), REQUESTS, 'view="mirror"', 'method="HEAD"')).toBeGreaterThanOrEqual(7)
  })

  test('goes on when a log is full and closed', async () => {
    const logs = path.join(running().data, 'nginx/logs')
    truncateSync(path.join(logs, 'access.log'), 64 * MIB) // as if so much were in it
    await eventually('it is closed', () => existsSync(path.join(logs, 'access.log.1')))
    await eventually('nginx writes another one', async () => {
      await running().ask('GET', 'health')
      return linesOf(running()).length > 0
    })
    const [before, after] = [await scrape(), await scrape()]
    expect(sum(after, REQUESTS, 'view="admin"')).toBeGreaterThan(sum(before, REQUESTS, 'view="admin"'))
    expect(sum(after, 'entrepot_front_log_rotations_total', 'access.log')).toBe(1)
  })
})

/** Fault 37. */
describe('a box whose disk for logs is full', () => {
  const logs = () => path.join(running().data, 'nginx/logs')
  const filler = () => path.join(logs(), 'filler')

  beforeAll(async () => {
    await running().stop()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0755', 'tmpfs', logs()])
    await running().start()
    fillUp(filler())
  })
  afterAll(async () => {
    await running().stop()
    execFileSync('umount', [logs()])
  })

  test('serves on, answers what it is asked, and counts again when there is room', async () => {
    const box = running()
    const client = box.client('tls', box.account, DOCKER)
    const before = statSync(path.join(logs(), 'access.log')).size
    for (let times = 0; times < 20; times++) {
      const { digest } = await client.pushBlob('full/logs', randomLayer(100_000))
      await client.pullBlob('full/logs', digest)
    }
    expect(statSync(path.join(logs(), 'access.log')).size - before).toBeLessThan(4096) // the rest of a page
    expect(await box.change('PATCH', 'settings/nginx', { readTimeout: 700 })).toMatchObject({
      readTimeout: 700,
    })
    await box.change('GET', 'clients/seen')
    rmSync(filler())
    await eventually('nginx logs again', async () => {
      await client.get('/v2/full/logs/tags/list')
      return linesOf(box).some(({ target }) => target === '/v2/full/logs/tags/list')
    })
    await client.close()
  })
})

function fillUp(file: string): void {
  const page = Buffer.alloc(4096)
  try {
    for (;;) appendFileSync(file, page)
  } catch (error) {
    if (!(Error.isError(error) && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}
