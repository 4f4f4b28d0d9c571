import { readdirSync } from 'node:fs'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { AUDIT_ROUTES as AUDIT } from '#control/audit/audit.schema.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { CERTIFICATE_ROUTES as CERTIFICATES } from '#control/front/certificates.schema.js'
import { HEALTH_ROUTES as HEALTH } from '#control/health/health.schema.js'
import { METRICS_ROUTES as METRICS } from '#control/metrics/metrics.schema.js'
import { AcmeByHand } from '../support/acme-by-hand.js'
import { eventually } from '../support/eventually.js'
import { query } from '../support/postgres-box.js'
import { CompanyPki, AUTHORITY } from '../front/company-pki.js'
import { describeOn, type OpenStage } from './suite.js'

const MINUTE_MS = 60_000

export function testAcme(open: OpenStage): void {
  describeOn('certificates/acme', open, (stage) => {
    let acme: AcmeByHand
    beforeEach(async () => {
      acme = await new AcmeByHand(path.join(stage().certificates, 'challenges')).start()
    })
    afterEach(async () => {
      await stage().api.done(CERTIFICATES.dropAcme)
      acme.stop()
    })

    const wish = () => ({ directory: acme.directory, ca: acme.ca, termsAgreed: true })
    const put = async (further: object = {}) =>
      (await stage().api.done(CERTIFICATES.acme, { body: { ...wish(), ...further } })).body
    const show = async () => (await stage().api.done(CERTIFICATES.show)).body
    const reasonOf = async (further: object = {}): Promise<string> => {
      const { errors } = await stage().api.refused(CERTIFICATES.acme, { body: { ...wish(), ...further } })
      expect(await show()).toMatchObject({ acme: null, server: { source: 'own' } })
      return `${errors?.[0]?.field}: ${errors?.[0]?.message}`
    }

    test('a certificate is ordered, taken into force, and shown with its terms', async () => {
      const shown = await put({ contact: 'admin@box.example' })
      expect(shown).toMatchObject({
        server: { source: 'acme', names: ['box.example'], issuer: 'CN=Test ACME Root', state: 'fine' },
        acme: {
          ...{ state: 'in-force', names: ['box.example'], contact: 'admin@box.example' },
          ...{ terms: 'https://acme.example/terms', reason: null, nextTryAt: null },
        },
      })
      expect(await show()).toEqual(shown)
      const { text } = await stage().api.done(METRICS.get)
      expect(text).toMatch(/^entrepot_job_failed\{job="order-certificate"\} 0$/m)
      expect(text).toMatch(/^entrepot_job_begun_timestamp_seconds\{job="order-certificate"\} [1-9]\d+$/m)
      expect(readdirSync(path.join(stage().certificates, 'challenges'))).toEqual([])
      expect(readdirSync(path.join(stage().certificates, 'acme')).join()).not.toContain('order')
    })

    test('the same again orders nothing, other names do', async () => {
      await put()
      await put()
      expect(acme.orders).toBe(1)
      const { server } = await put({ names: ['other.example', 'box.example'] })
      expect(server).toMatchObject({ names: ['other.example', 'box.example'] })
      expect(acme.orders).toBe(2)
    })

    test('it is renewed when a third of its life is left, and not before', async () => {
      const { server: first } = await put()
      const { clock, log } = stage()
      try {
        clock.move(58 * 24 * 60 * MINUTE_MS)
        expect(await put()).toMatchObject({
          server: { fingerprint: (first as { fingerprint: string }).fingerprint },
        })
        clock.move(3 * 24 * 60 * MINUTE_MS)
        // The certificate by hand begins when it is signed, by the machine's clock: it is as old as the first.
        await stage().api.done(CERTIFICATES.renewAcme)
        expect(acme.orders).toBe(2)
        expect(log.join('')).toContain('a certificate by ACME is in force')
      } finally {
        clock.move(-61 * 24 * 60 * MINUTE_MS)
      }
    })

    describe('what goes wrong is said, and the certificate in force stays:', () => {
      test('nobody answers at the directory', async () => {
        expect(await reasonOf({ directory: 'https://127.0.0.1:1/dir' })).toMatch(
          /^acme: the ACME server did not answer at https:\/\/127\.0\.0\.1:1\/dir \(.*ECONNREFUSED.*\): look at its URL/,
        )
      })

      test('the directory shows a certificate of somebody else', async () => {
        const pki = new CompanyPki()
        const { certificate } = pki.issue('/CN=Other Root', { extensions: AUTHORITY })
        pki.remove()
        expect(await reasonOf({ ca: certificate })).toMatch(
          /did not answer at .*(unable to|self-signed).*the CA/,
        )
        expect(await reasonOf({ ca: undefined })).toMatch(
          /did not answer at .*(unable to|self-signed).*the CA/,
        )
      })

      test('there is no directory at that place', async () => {
        expect(await reasonOf({ directory: acme.directory.replace('/dir', '/nonce') })).toMatch(
          /is none of ACME's answers .*: look at the directory's URL/,
        )
      })

      test('a wish that is none', async () => {
        expect(await reasonOf({ termsAgreed: false })).toContain('termsAgreed: true: whoever orders')
        expect(await reasonOf({ directory: 'http://acme.example' })).toContain('begins with https://')
        expect(await reasonOf({ ca: 'none' })).toBe('ca: certificates of authorities, PEM')
        expect(await reasonOf({ names: ['*.example'] })).toMatch(/^names\[0\]: .*a wildcard/)
        expect(await reasonOf({ names: [] })).toContain('one name at least')
        expect(await reasonOf({ externalAccount: { keyId: 'a', hmacKey: 'no!' } })).toContain('base64url')
      })

      test('the authority serves known customers only', async () => {
        acme.behaviour.account = 'known customers'
        expect(await reasonOf()).toMatch(/serves its customers only: send externalAccount/)
        const unknown = { keyId: 'customer-8', hmacKey: 'c2VjcmV0LW9mLWN1c3RvbWVyLTg' }
        expect(await reasonOf({ externalAccount: unknown })).toContain('this customer is not known')
        const known = { keyId: 'customer-7', hmacKey: 'c2VjcmV0LW9mLWN1c3RvbWVyLTc' }
        expect(await put({ externalAccount: known })).toMatchObject({ acme: { state: 'in-force' } })
        const { text } = await stage().api.done(AUDIT.list, { query: { limit: 1000 } })
        expect(text + JSON.stringify(await show())).not.toContain(known.hmacKey)
      })

      test.each([
        [
          'challenge',
          'refused',
          /did not find the box behind box\.example: Connection refused .*on port 80$/,
        ],
        ['order', 'rejected', /does not take the order: policy forbids this name \(.*rejectedIdentifier\)/],
        ['order', 'rejected at length', /does not take the order: (?:no {2}){125} \(/],
        ['order', 'sent elsewhere', /\(its Location does not begin with https:\/\/\)/],
        ['order', 'made invalid', /does not take the order: the request has a key that was seen before/],
      ] as const)('%s %s; it is tried again later', async (part, how, words) => {
        Object.assign(acme.behaviour, { [part]: how })
        const failed = await put()
        expect(failed).toMatchObject({
          server: { source: 'own' },
          acme: { state: 'failed', reason: expect.stringMatching(words), nextTryAt: expect.any(String) },
        })
        const { triedAt, nextTryAt } = failed['acme'] as { triedAt: string; nextTryAt: string }
        expect(Date.parse(nextTryAt) - Date.parse(triedAt)).toBe(5 * MINUTE_MS)
        const { body: health } = await stage().api.done(HEALTH.get)
        expect(health).toMatchObject({
          parts: { certificate: { state: 'degraded', cause: expect.stringMatching(words) } },
        })
        Object.assign(acme.behaviour, { challenge: 'looked at', order: 'taken' })
        const { body } = await stage().api.done(CERTIFICATES.renewAcme)
        expect(body).toMatchObject({ server: { source: 'acme' }, acme: { state: 'in-force', reason: null } })
      })

      test('the box does not take what was issued: the next try has the same certificate', async () => {
        const { box } = stage()
        let left = 1
        const apply = box.apply.bind(box)
        box.apply = async (rendered) => {
          left -= 1
          return left < 0
            ? { outcome: 'refused', stage: 'probe', reason: 'a listener is silent' }
            : apply(rendered)
        }
        try {
          expect(await put()).toMatchObject({
            server: { source: 'own' },
            acme: { state: 'failed', reason: 'probe does not take it: a listener is silent' },
          })
        } finally {
          box.apply = apply
        }
        await stage().api.done(CERTIFICATES.renewAcme)
        expect(await show()).toMatchObject({ server: { source: 'acme' }, acme: { state: 'in-force' } })
        expect(acme.orders).toBe(1)
      })
    })

    test('while the authority takes its time, it is told that one is ordered', async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      acme.behaviour.gate = promise
      const asked = put()
      await eventually('it is ordered', async () => acme.orders === 1 || undefined)
      expect(await show()).toMatchObject({ server: { source: 'own' }, acme: { state: 'ordering' } })
      resolve()
      expect(await asked).toMatchObject({ server: { source: 'acme' }, acme: { state: 'in-force' } })
    })

    test('an authority that never finishes is given up, and tried again later', async () => {
      const { clock } = stage()
      const [sleep, gate, late] = [
        clock.sleep.bind(clock),
        Promise.withResolvers<void>(),
        Promise.withResolvers<void>(),
      ]
      clock.sleep = (ms, signal) => (ms === 10 * MINUTE_MS ? late.promise : sleep(ms, signal))
      acme.behaviour.gate = gate.promise
      try {
        const asked = put()
        await eventually('it is ordered', async () => acme.orders === 1 || undefined)
        late.resolve()
        expect((await asked)['acme']).toMatchObject({
          ...{ state: 'failed', nextTryAt: expect.any(String) },
          reason: 'the ACME server has not finished the order within 600 seconds: try again later',
        })
      } finally {
        clock.sleep = sleep
        gate.resolve()
      }
      await stage().api.done(CERTIFICATES.renewAcme)
      expect(await show()).toMatchObject({ server: { source: 'acme' }, acme: { state: 'in-force' } })
      expect(acme.orders).toBe(1) // it is gone on with
    })

    test('a renewal can be asked for once a minute', async () => {
      const { api, clock } = stage()
      await put()
      await api.done(CERTIFICATES.renewAcme)
      const { status, detail, headers } = await api.refused(CERTIFICATES.renewAcme)
      expect({ status, detail }).toEqual({
        status: 429,
        detail: expect.stringMatching(
          /^a certificate was ordered a moment ago: try again in [1-6]?\d seconds$/,
        ),
      })
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect(acme.orders).toBe(2)
      clock.move(MINUTE_MS)
      try {
        await api.done(CERTIFICATES.renewAcme)
        expect(acme.orders).toBe(3)
      } finally {
        clock.move(-MINUTE_MS)
      }
    })

    test('a renewal that was not noted, and not begun, makes nobody wait a minute', async () => {
      const { api, url } = stage()
      await put()
      const action = 'certificates.acme.renew'
      await query(url, `ALTER TABLE audit ADD CONSTRAINT none CHECK (action <> '${action}') NOT VALID`)
      try {
        expect((await api.refused(CERTIFICATES.renewAcme)).status).toBe(500)
      } finally {
        await query(url, 'ALTER TABLE audit DROP CONSTRAINT none')
      }
      expect(acme.orders).toBe(1)
      await api.done(CERTIFICATES.renewAcme)
      expect(acme.orders).toBe(2)
    })

    test('an end of ACME ends an order under way', async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      acme.behaviour.gate = promise
      const asked = put()
      await eventually('it is ordered', async () => acme.orders === 1 || undefined)
      await stage().api.done(CERTIFICATES.reset)
      resolve()
      expect(await asked).toMatchObject({ server: { source: 'own' }, acme: null })
      expect((await stage().api.refused(CERTIFICATES.renewAcme)).status).toBe(404)
    })

    test('a backup has it', async () => {
      await put()
      const { bytes } = await stage().api.done(BACKUP.backup, { body: {} })
      const before = await show()
      await stage().api.done(CERTIFICATES.dropAcme)
      expect(await show()).toMatchObject({ server: { source: 'own' }, acme: null })
      await stage().api.done(BACKUP.restore, { stream: bytes })
      expect(await show()).toEqual(before)
    })

    test('each change of it leaves a row', async () => {
      await put()
      const { body } = await stage().api.done(AUDIT.list, { query: { limit: 1000 } })
      const rows = (body['items'] as { action: string }[]).map(({ action }) => action)
      for (const verb of ['put', 'issued', 'drop', 'renew'])
        expect(rows).toContain(`certificates.acme.${verb}`)
    })
  })
}
