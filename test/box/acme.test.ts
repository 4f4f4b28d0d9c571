import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { once } from 'node:events'
import tls from 'node:tls'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { type AcmeTestServer, startAcmeServer } from '../front/acme-server.js'
import { eventually } from '../support/eventually.js'
import { describeNeeding } from '../support/needs.js'
import { connectTo } from '../support/processes.js'
import { BOX_NAME, RunningBox } from './running-box.js'

interface Shown {
  readonly server: { readonly source: string; readonly fingerprint: string }
  readonly acme: { readonly state: string; readonly reason: string | null } | null
}

describeNeeding([{ program: 'pebble', debianPackage: 'pebble' }], 'a box that has an ACME server', () => {
  let home: string
  let acme: AcmeTestServer
  let box: RunningBox
  let root: string
  beforeAll(async () => {
    home = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    acme = await startAcmeServer(home)
    root = await acme.root()
    box = await RunningBox.open(path.join(home, 'data'), { ENTREPOT_ACME_PORT: String(acme.httpPort) })
    box.trust(root)
  })
  afterAll(async () => {
    await box.stop()
    await acme.stop()
    rmSync(home, { recursive: true, force: true })
  })

  /** For the API too: it is asked by its address. */
  const wish = () => ({
    ...{ directory: acme.directoryUrl, ca: acme.directoryCa, termsAgreed: true },
    ...{ contact: 'admin@registry.test', names: [BOX_NAME, '127.0.0.1'] },
  })

  /** What a client sees that trusts nobody but this authority; undefined when it does not trust the box. */
  async function servedTo(ca: string): Promise<string | undefined> {
    const socket = tls.connect({ port: box.ports.tls, host: '127.0.0.1', servername: BOX_NAME, ca })
    try {
      await once(socket, 'secureConnect')
      return socket.getPeerX509Certificate()?.fingerprint256
    } catch {
      return undefined
    } finally {
      socket.destroy()
    }
  }

  async function inForce(): Promise<Shown> {
    return eventually('a certificate by ACME is in force', async () => {
      const answer = await box.ask('GET', 'certificates').catch(() => undefined)
      const shown = answer?.status === 200 ? (answer.json() as Shown) : undefined
      return shown?.acme?.state === 'in-force' && shown
    })
  }

  test('nobody listens where an authority would ask, until there is one', async () => {
    await expect(connectTo({ port: acme.httpPort })).rejects.toThrow(/ECONNREFUSED/)
  })

  test('a control plane that is killed in the midst of an order goes on with it; clients see the certificate before', async () => {
    const before = await servedTo(`${root}${String((await box.ask('GET', 'certificates/ca.pem')).body)}`)
    const orders = path.join(box.data, 'certificates', 'acme')
    const asked = box.ask('PUT', 'certificates/acme', wish()).catch(() => undefined)
    await eventually(
      'an order is made',
      () => existsSync(orders) && readdirSync(orders).some((name) => /^order-\w+\.json$/.test(name)),
      { everyMs: 2 },
    )
    await box.signal('control plane', 'SIGKILL')
    expect(await servedTo(root)).toBeUndefined()
    expect(before).toBeDefined()
    await asked
    const { server } = await inForce()
    expect(server.source).toBe('acme')
    expect(await servedTo(root)).toBe(server.fingerprint)
    expect(readdirSync(orders).filter((name) => name.startsWith('order-'))).toEqual([])
  })

  test('it is renewed without a restart, and no client is cut off', async () => {
    const nginx = box.pidOf('nginx')
    const before = await servedTo(root)
    const shown = (await box.change('POST', 'certificates/acme/renew')) as Shown
    expect(shown.acme?.state).toBe('in-force')
    expect(shown.server.fingerprint).not.toBe(before)
    expect(await servedTo(root)).toBe(shown.server.fingerprint)
    expect(box.pidOf('nginx')).toBe(nginx)
  })

  test('the port serves nothing but answers to the authority', async () => {
    const ask = async (target: string) => (await fetch(`http://127.0.0.1:${acme.httpPort}${target}`)).status
    expect([await ask('/'), await ask('/v2/'), await ask('/.well-known/acme-challenge/none')]).toEqual([
      404, 404, 404,
    ])
  })

  test('a start of the box has the same certificate', async () => {
    const before = await servedTo(root)
    await box.stop()
    await box.start()
    expect(await servedTo(root)).toBe(before)
  })

  test('at its end the own authority is back, and the port is closed', async () => {
    await box.change('DELETE', 'certificates/acme')
    const { server, acme: left } = (await box.change('GET', 'certificates')) as Shown
    expect([server.source, left]).toEqual(['own', null])
    await eventually('nobody listens', () =>
      connectTo({ port: acme.httpPort }).then(
        (socket) => void socket.destroy(),
        () => true,
      ),
    )
    expect(new X509Certificate(root).ca).toBe(true)
  })
})
