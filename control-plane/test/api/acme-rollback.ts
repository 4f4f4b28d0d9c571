import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { CERTIFICATE_ROUTES as CERTIFICATES } from '#control/front/certificates.schema.js'
import { CONFIGURATION_ROUTES as HISTORY } from '#control/front/configuration.schema.js'
import { AcmeByHand } from '../support/acme-by-hand.js'
import { eventually } from '../support/eventually.js'
import { describeOn, type OpenStage } from './suite.js'

export function testAcmeRollback(open: OpenStage): void {
  describeOn('a rollback of certificates/acme', open, (stage) => {
    let acme: AcmeByHand
    beforeEach(async () => {
      acme = await new AcmeByHand(path.join(stage().certificates, 'challenges')).start()
    })
    afterEach(async () => {
      await stage().api.done(CERTIFICATES.dropAcme)
      acme.stop()
    })

    const put = async (further: object = {}) => {
      const wish = { directory: acme.directory, ca: acme.ca, termsAgreed: true, ...further }
      return (await stage().api.done(CERTIFICATES.acme, { body: wish })).body
    }
    const show = async () => (await stage().api.done(CERTIFICATES.show)).body

    test('keeps nothing of what another wish came to: no failure, no pause, no order', async () => {
      const latest = async () => {
        const { body } = await stage().api.done(HISTORY.list, { query: { limit: 1 } })
        return (body['items'] as { id: number }[])[0]?.id ?? 0
      }
      await put()
      const id = await latest()
      const other = { names: ['box.example', 'other.example'] }
      const rollback = () => stage().api.done(HISTORY.rollback, { path: { id } })
      acme.behaviour.order = 'rejected'
      expect(await put(other)).toMatchObject({ acme: { state: 'failed' } })
      await rollback()
      const before = {
        server: { source: 'acme' },
        acme: { state: 'in-force', reason: null, nextTryAt: null },
      }
      expect(await show()).toMatchObject(before)
      acme.behaviour.order = 'taken'
      const { promise, resolve } = Promise.withResolvers<void>()
      acme.behaviour.gate = promise
      const orders = acme.orders
      const asked = put(other)
      await eventually('it is ordered', async () => acme.orders > orders || undefined)
      await rollback()
      expect(await asked).toMatchObject(before)
      resolve()
      expect(await show()).toMatchObject(before)
    })
  })
}
