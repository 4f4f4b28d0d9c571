import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { AUDIT_ROUTES as AUDIT } from '#control/audit/audit.schema.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { CERTIFICATE_ROUTES as CERTIFICATES } from '#control/front/certificates.schema.js'
import { serverCertificateFiles } from '#control/front/certificates/server-certificate.js'
import { CONFIGURATION_ROUTES as HISTORY } from '#control/front/configuration.schema.js'
import { HEALTH_ROUTES as HEALTH } from '#control/health/health.schema.js'
import { AUTHORITY, CompanyPki, type Issued, server } from '../front/company-pki.js'
import type { ApiStage } from '../support/api-stage.js'
import { describeOn, type OpenStage } from './suite.js'

const NAMES = server('DNS:box.example', 'IP:127.0.0.1')

const YEARS_MS = 2 * 365 * 24 * 60 * 60 * 1000

async function certificateHealth({ api }: ApiStage): Promise<unknown> {
  const { body } = await api.done(HEALTH.get)
  return (body['parts'] as Record<string, unknown>)['certificate']
}

export function testServerCertificate(open: OpenStage): void {
  describeOn('certificates/server', open, (stage) => {
    let pki: CompanyPki
    let root: Issued
    beforeAll(() => {
      pki = new CompanyPki()
      root = pki.issue('/CN=Company Root', { extensions: AUTHORITY })
    })
    afterAll(() => pki.remove())

    /** A chain that is whole by itself: its root is sent with it. */
    const issued = () => {
      const { certificate, key } = pki.issue('/CN=box', { issuer: root, extensions: NAMES })
      return { certificate: certificate + root.certificate, key }
    }

    test('what was uploaded is served, until it is taken back', async () => {
      const { api } = stage()
      const { body } = await api.done(CERTIFICATES.upload, { body: issued() })
      expect(body).toMatchObject({ server: { source: 'uploaded', issuer: 'CN=Company Root' }, warnings: [] })
      expect((await api.done(CERTIFICATES.show)).body).toMatchObject({ server: { source: 'uploaded' } })
      await api.done(CERTIFICATES.reset)
      expect((await api.done(CERTIFICATES.show)).body).toMatchObject({ server: { source: 'own' } })
    })

    test('what was uploaded is served by an empty box that a backup was restored on', async () => {
      const { api } = stage()
      const { body: uploaded } = await api.done(CERTIFICATES.upload, { body: issued() })
      const { bytes } = await api.done(BACKUP.backup, { body: {} })
      await api.done(CERTIFICATES.reset)
      const empty = await open()
      try {
        await empty.api.done(BACKUP.restore, { stream: bytes })
        expect((await empty.api.done(CERTIFICATES.show)).body['server']).toEqual(uploaded['server'])
        const { fingerprint } = uploaded['server'] as { readonly fingerprint: string }
        const { certificate, key } = serverCertificateFiles(empty.certificates, fingerprint)
        const served = new X509Certificate(readFileSync(certificate))
        expect(served.fingerprint256).toBe(fingerprint)
        expect(served.checkPrivateKey(createPrivateKey(readFileSync(key)))).toBe(true)
      } finally {
        await empty.close()
      }
    })

    test('a rollback brings an earlier one back', async () => {
      const { api } = stage()
      const { body } = await api.done(CERTIFICATES.upload, { body: issued() })
      const [applied] = (await api.done(HISTORY.list, { query: { limit: 1 } })).body['items'] as {
        id: number
      }[]
      await api.done(CERTIFICATES.reset)
      await api.done(HISTORY.rollback, { path: { id: applied?.id ?? 0 } })
      expect((await api.done(CERTIFICATES.show)).body['server']).toEqual(body['server'])
    })

    test('one whose files are gone is missed by health, which says what serves in its place', async () => {
      const { api, certificates } = stage()
      const { body } = await api.done(CERTIFICATES.upload, { body: issued() })
      const { fingerprint } = body['server'] as { fingerprint: string }
      rmSync(serverCertificateFiles(certificates, fingerprint).key)
      expect((await api.done(CERTIFICATES.show)).body['server']).toMatchObject({
        ...{ source: 'own', isChosenLost: true },
      })
      expect(await certificateHealth(stage())).toMatchObject({
        ...{ state: 'degraded', cause: expect.stringContaining('are gone') },
      })
      await api.done(CERTIFICATES.reset)
      expect(await certificateHealth(stage())).toMatchObject({ state: 'up' })
    })

    test('before its time health asks for the clock', async () => {
      const { clock } = stage()
      clock.move(-YEARS_MS)
      expect(await certificateHealth(stage())).toMatchObject({
        ...{ state: 'degraded', cause: expect.stringMatching(/^it is valid from .* on only/) },
      })
      clock.move(YEARS_MS)
    })

    test('a key that does not fit is refused at its field, and nothing has changed', async () => {
      const { api } = stage()
      const before = (await api.done(CERTIFICATES.show)).body
      const { errors } = await api.refused(CERTIFICATES.upload, { body: { ...issued(), key: issued().key } })
      expect(errors?.[0]?.field).toBe('key')
      expect((await api.done(CERTIFICATES.show)).body).toEqual(before)
    })

    test('a request is made for the names of the box, its key stays, and what is issued for it is served', async () => {
      const { api } = stage()
      const made = (await api.done(CERTIFICATES.request, { body: { key: 'rsa2048' } })).body as Record<
        string,
        string
      >
      expect((await api.done(CERTIFICATES.requests)).body['items']).toEqual([made])
      const certificate = pki.sign(made['pem'] ?? '', { issuer: root, extensions: NAMES }) + root.certificate
      const path = { id: made['id'] ?? '' }
      const { body } = await api.done(CERTIFICATES.answer, { path, body: { certificate } })
      expect(body).toMatchObject({ server: { source: 'uploaded', names: ['box.example', '127.0.0.1'] } })
      await api.done(CERTIFICATES.dropRequest, { path })
      expect((await api.refused(CERTIFICATES.answer, { path, body: { certificate } })).status).toBe(404)
      expect((await api.refused(CERTIFICATES.dropRequest, { path })).status).toBe(404)
    })

    test('each change of it leaves a row, and no key in it', async () => {
      const { api } = stage()
      const { body } = await api.done(AUDIT.list, { query: { limit: 1000 } })
      const rows = (body['items'] as { action: string }[]).filter(({ action }) =>
        action.startsWith('certificates.'),
      )
      const kinds = ['answer', 'drop-request', 'request', 'reset', 'upload'].map(
        (kind) => `certificates.${kind}`,
      )
      expect([...new Set(rows.map(({ action }) => action))].toSorted()).toEqual(kinds)
      expect(JSON.stringify(rows)).not.toContain('PRIVATE')
    })
  })
}
