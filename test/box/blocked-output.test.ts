import { expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { expectStatus } from '../support/registry-client.js'
import { Traffic } from './traffic.js'
import { useRunningBox } from './use-running-box.js'

/** More lines than fit between the box and whoever reads them. */
const LINES = 700

const box = useRunningBox()

test('a box whose output nobody reads serves, changes settings, and starts again what ends', async () => {
  const readOn = box().stopReading()
  const [registry, admin] = [box().client('tls', box().account), box().client('admin')]
  for (let line = 0; line < LINES; line += 1) {
    expectStatus(await registry.get('/v2/'), 200)
    expectStatus(await admin.get('/api/v1/certificates/ca.pem'), 200)
  }
  await Promise.all([registry.close(), admin.close()])
  const traffic = Traffic.start(box(), 'unread')
  await traffic.untilDone(3)
  const killed = await box().signal('control plane', 'SIGKILL')
  await eventually(
    'it runs again',
    () => box().runs('control plane') && box().pidOf('control plane') !== killed,
  )
  await eventually('a change is kept', async () => {
    return (await box().ask('PATCH', 'settings/nginx', { readTimeout: 700 })).status === 200
  })
  await traffic.untilDone(3)
  await traffic.end()
  expect(traffic.failures).toEqual([])
  expect(box().log()).not.toContain('control plane was ended')
  readOn()
  await eventually('what was said is read', () => box().log().includes('control plane was ended by SIGKILL'))
})
