import { expect, test } from '@jest/globals'
import { openNotifications } from '#core/notifications/open-notifications.js'
import { FakeClock, outcome } from '../fake-clock.js'
import { SimulatedDisk } from '../simulated-disk.js'
import { SimulatedFs } from '../simulated-fs.js'
import { openProcess, silentLog, STORE_ROOT } from '../simulated-store.js'
import { endpoint } from './endpoint.js'

test('an endpoint that cannot be opened leaves no second sender to the others when it is tried again', async () => {
  const clock = new FakeClock()
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  const { store } = await outcome(
    clock,
    openProcess({ fs: new SimulatedFs(disk), clock, seed: 1, boot: 'boot' }),
  )
  const opened: string[] = []
  let isProxyRight = false
  const counters = { sent: () => undefined, failed: () => undefined, lost: () => undefined }
  const notifications = await outcome(
    clock,
    openNotifications({
      ...{ store, clock, log: silentLog, address: 'box:5000', externalUrl: () => undefined },
      settings: { includeReferences: false, endpoints: [endpoint()] },
      metrics: { endpoint: () => counters, watchPending: () => undefined, forget: () => undefined },
      openPost({ url }) {
        if (url === 'http://bad' && !isProxyRight) throw new Error('no such proxy')
        opened.push(url)
        return { send: async () => undefined, close: async () => undefined }
      },
    }),
  )
  const endpoints = ['new', 'bad'].map((name) => endpoint({ name, url: `http://${name}` }))
  const replace = () =>
    outcome(clock, notifications.replace({ includeReferences: false, endpoints: [endpoint(), ...endpoints] }))
  await expect(replace()).rejects.toThrow('no such proxy')
  isProxyRight = true
  await replace()
  expect(opened).toEqual(['http://hub', 'http://new', 'http://bad'])
  await outcome(clock, notifications.stop(1000))
  await store.close()
})
