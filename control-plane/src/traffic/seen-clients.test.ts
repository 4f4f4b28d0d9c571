import { expect, test } from '@jest/globals'

import type { LoggedRequest } from './log-line.js'
import { SeenClients } from './seen-clients.js'

const PULL: LoggedRequest = {
  ...{
    time: '2026-11-22T04:00:00+00:00',
    address: '10.0.0.7',
    view: 'mirror',
    scheme: 'https',
    method: 'GET',
  },
  ...{ target: '/v2/library/alpine/manifests/latest', status: 200, by: 'behind', cache: 'hit' },
  ...{
    sentBytes: 1000,
    receivedBytes: 300,
    seconds: 0.01,
    isWhole: true,
    userAgent: 'docker/1',
    account: '',
  },
}

test('who pulls under the name of the box’s probes is seen too', () => {
  const clients = new SeenClients()
  clients.note({ ...PULL, userAgent: 'entrepot-probe' })
  expect(clients.list()).toMatchObject([{ address: '10.0.0.7', program: 'entrepot-probe' }])
})

test('an address has fifty rows, so that names that it makes up push nobody else out', () => {
  const clients = new SeenClients()
  clients.note({ ...PULL, address: '10.0.0.8' })
  for (let number = 0; number < 1500; number++) clients.note({ ...PULL, userAgent: `u${number}` })
  const seen = clients.list()
  const programs = seen.filter(({ address }) => address === '10.0.0.7').map(({ program }) => program)
  expect([programs.length, programs[0], programs.at(-1)]).toEqual([50, 'u1499', 'u1450'])
  expect(seen.at(-1)?.address).toBe('10.0.0.8')
})
