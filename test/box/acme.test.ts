import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { once } from 'node:events'
import tls from 'node:tls'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { type AcmeTestServer, startAcmeServer } from '../front/acme-server.js'
import { eventually } from '../support/eventually.js'
import { describeNeeding } from '../support/needs.js'
import { connectTo, runToEnd } from '../support/processes.js'
import { BOX_NAME, RunningBox } from './running-box.js'

const PROGRAM = path.join(import.meta.dirname, '../../../control-plane/bin/entrepot.js')

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
    for (const name of readdirSync(orders))
      expect(readFileSync(path.join(orders, name), 'latin1')).not.toContain('PRIVATE KEY')
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

  describe('that serves its customers only', () => {
    const customer = 'customer-7'
    const hmacKey = Buffer.from('a secret of the customer, 32 byte').toString('base64url')
    let folder: string
    let closed: AcmeTestServer
    beforeAll(async () => {
      folder = mkdtempSync(path.join(home, 'closed-'))
      closed = await startAcmeServer(folder, { httpPort: acme.httpPort, customers: { [customer]: hmacKey } })
    })
    afterAll(() => closed?.stop())

    const put = (externalAccount?: { readonly keyId: string; readonly hmacKey: string }) =>
      box.ask('PUT', 'certificates/acme', {
        ...{ directory: closed.directoryUrl, ca: closed.directoryCa, termsAgreed: true },
        ...{ names: [BOX_NAME, '127.0.0.1'], ...(externalAccount && { externalAccount }) },
      })

    test('strangers hear that, and nothing has changed', async () => {
      const stranger = await put()
      expect([stranger.status, stranger.body.toString()]).toEqual([400, expect.stringContaining('customers')])
      const wrong = Buffer.from('another secret, of 32 bytes also').toString('base64url')
      for (const externalAccount of [
        { keyId: 'customer-8', hmacKey },
        { keyId: customer, hmacKey: wrong },
      ])
        expect((await put(externalAccount)).status).toBe(400)
      expect(((await box.change('GET', 'certificates')) as Shown).acme).toBeNull()
    })

    test('a customer has certificates, by the API and by the command line, and is not asked again', async () => {
      box.trust(await closed.root())
      expect((await put({ keyId: customer, hmacKey })).status).toBe(200)
      const { server } = await inForce()
      expect(server.source).toBe('acme')
      const renewed = (await box.change('POST', 'certificates/acme/renew')) as Shown
      expect(renewed.server.fingerprint).not.toBe(server.fingerprint)
      await box.change('DELETE', 'certificates/acme')
      rmSync(path.join(box.data, 'certificates', 'acme'), { recursive: true }) // and with it the account of ours
      const [caFile, hmacFile] = [path.join(folder, 'ca.pem'), path.join(folder, 'hmac')]
      writeFileSync(caFile, closed.directoryCa)
      writeFileSync(hmacFile, `${hmacKey}\n`)
      const { code, stdout, stderr } = await runToEnd(
        process.execPath,
        [
          ...[PROGRAM, 'certificates', 'acme', 'set', closed.directoryUrl, '--agree-terms'],
          ...['--ca-file', caFile, '--name', BOX_NAME, '--name', '127.0.0.1'],
          ...['--account-key-id', customer, '--account-hmac-file', hmacFile, '--ca', box.caFile],
        ],
        {
          environment: {
            ENTREPOT_SERVER: `https://127.0.0.1:${box.ports.admin}`,
            ...{ ENTREPOT_ADMIN_TOKEN: box.token, HOME: folder },
          },
        },
      )
      expect([code, stderr, stdout]).toEqual([0, '', expect.stringContaining('state: in-force')])
      const files = readdirSync(box.data, { recursive: true, encoding: 'utf8' }).filter(
        (file) => !file.startsWith('store/') && statSync(path.join(box.data, file)).isFile(),
      )
      const holding = files.filter((file) => readFileSync(path.join(box.data, file)).includes(hmacKey))
      expect(holding).toEqual([])
    })
  })
})
