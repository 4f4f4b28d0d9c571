import { describe, expect, test } from '@jest/globals'
import { openLive, ROWS } from './live.js'
import { parseSettings } from './read-settings.js'
import type { Settings } from './settings.js'

const MINIMAL = {
  version: '0.1',
  storage: { filesystem: { rootdirectory: '/data' } },
  http: { addr: ':5000' },
}

function settings(further: object = {}): Settings {
  return parseSettings('config.yml', JSON.stringify({ ...MINIMAL, ...further }))
}

describe('the settings in force', () => {
  test('are the same after the same file was read again, and nobody is told', async () => {
    const live = openLive(settings(), () => settings())
    const before = live.current
    live.onChange(() => {
      throw new Error('told')
    })
    expect(await live.reload()).toEqual({ outcome: 'reloaded', changed: [], needsRestart: [] })
    expect(live.current).toEqual(before)
  })

  test('change where they can, and say what needs a restart', async () => {
    const wanted = {
      storage: { filesystem: { rootdirectory: '/other' }, delete: { enabled: true } },
      log: { level: 'error' },
      http: { addr: ':5001', headers: { 'X-A': ['b'] } },
      internal: { socket: 'run/control.sock' },
      catalog: { maxentries: 7 },
      notifications: { endpoints: [{ url: 'http://hub' }] },
    }
    const live = openLive(settings(), () => settings(wanted))
    const told: Settings[] = []
    live.onChange((current) => void told.push(current))
    expect(await live.reload()).toEqual({
      outcome: 'reloaded',
      changed: ['log', 'storage.delete.enabled', 'http.headers', 'catalog.maxentries', 'notifications'],
      needsRestart: ['http.addr and listeners', 'storage.filesystem and store', 'http.debug and internal'],
    })
    const { deletesOn, headers, catalogLimit, store, listeners, operations } = live.current
    expect({ deletesOn, headers, catalogLimit }).toEqual({
      ...{ deletesOn: true, headers: [['X-A', 'b']], catalogLimit: 7 },
    })
    const before = settings()
    expect({ store, listeners, operations }).toEqual({
      ...{ store: before.store, listeners: before.listeners, operations: before.operations },
    })
    expect(told).toEqual([live.current])
  })

  test('stay when the file is wrong, with a sentence for each reason', async () => {
    const live = openLive(settings(), () =>
      settings({ http: { addr: ':5000', draintimeout: 'soon' }, access: { colour: 'red' } }),
    )
    const before = live.current
    expect(await live.reload()).toEqual({
      outcome: 'refused',
      findings: [
        expect.stringContaining('http.draintimeout is "soon"; allowed is a duration'),
        'access.colour is not a setting; docs/reference/settings.md lists them all',
      ],
    })
    expect(live.current).toBe(before)
  })

  test('change the mirrors and the overlay while we run, and not for a file that says the same of them', async () => {
    const upstream = {
      host: 'quay.io',
      allowAddresses: ['10.0.0.0/8'],
      freshFor: [{ tag: 'v*', freshFor: '1h' }],
    }
    const files = [
      { mirrors: { upstreams: [upstream] }, overlay: { localOnly: ['acme/**'] } },
      { mirrors: { upstreams: [upstream] }, overlay: { localOnly: ['acme/**'] } },
      {
        mirrors: { upstreams: [{ ...upstream, allowAddresses: ['127.0.0.0/8'] }] },
        overlay: { localOnly: ['b/**'] },
      },
    ]
    const live = openLive(settings(), () => settings(files.shift()))
    const changed = ['mirrors and proxy', 'overlay']
    expect(await live.reload()).toEqual({ outcome: 'reloaded', changed, needsRestart: [] })
    expect(live.current.mirrors.upstreams).toMatchObject([{ host: 'quay.io' }])
    expect(await live.reload()).toEqual({ outcome: 'reloaded', changed: [], needsRestart: [] })
    expect(await live.reload()).toEqual({ outcome: 'reloaded', changed, needsRestart: [] })
  })

  test('change the password of a proxy while we run, and whom it stands for with the next start', async () => {
    const of = (remoteurl: string, password: string) =>
      settings({ proxy: { remoteurl, username: 'me', password } })
    const hub = 'https://registry-1.docker.io'
    const files = [
      of(hub, 'new'),
      of('https://quay.io', 'new'),
      settings({ mirrors: { upstreams: [{ host: 'docker.io' }] } }),
    ]
    const live = openLive(of(hub, 'old'), () => files.shift() ?? settings())
    const proxy = 'mirrors and proxy'
    const listener = 'http.addr and listeners'
    expect(await live.reload()).toMatchObject({ changed: [proxy], needsRestart: [] })
    expect(await live.reload()).toMatchObject({ changed: [], needsRestart: [proxy] })
    expect(await live.reload()).toMatchObject({ changed: [], needsRestart: [listener, proxy] })
    expect(live.current.mirrors.upstreams).toMatchObject([
      { host: 'docker.io', naming: 'bare', credentials: { password: { text: 'new' } } },
    ])
  })

  test('say what anybody may do by where somebody listens, not by the order in the file', async () => {
    const two = [
      { addr: ':5001', anonymous: 'pull' },
      { addr: ':5002', anonymous: 'none' },
    ]
    const before = settings({ listeners: two })
    const live = openLive(before, () => settings({ listeners: [{ addr: ':5002', anonymous: 'pull' }] }))
    expect(await live.reload()).toMatchObject({
      changed: ['access and auth'],
      needsRestart: ['http.addr and listeners'],
    })
    expect(live.current.access.anonymous).toEqual(['push', 'pull', 'pull'])
  })

  test('let nobody go on pushing at an old address once the file asks for a login everywhere', async () => {
    const auth = { htpasswd: { realm: 'r', path: '/htpasswd' } }
    const moved = openLive(settings(), () => settings({ http: { addr: ':5001' }, auth }))
    expect(await moved.reload()).toMatchObject({ needsRestart: ['http.addr and listeners'] })
    expect(moved.current.access.anonymous).toEqual(['none'])
    const pulls = { http: { addr: ':5001' }, auth, access: { anonymous: 'pull' } }
    const pulled = openLive(settings(), () => settings(pulls))
    await pulled.reload()
    expect(pulled.current.access.anonymous).toEqual(['pull'])
  })

  test('are all known to be changeable or not', () => {
    const known = [...ROWS.map(({ name }) => name), 'file', 'reading', 'access']
    expect(known.toSorted()).toEqual(Object.keys(settings()).toSorted())
  })

  test('are told again by the next reload when somebody could not take them', async () => {
    const live = openLive(settings(), () => settings({ catalog: { maxentries: 7 } }))
    const told: number[] = []
    live.onChange(({ catalogLimit }) => {
      if (told.push(catalogLimit) === 1) throw new Error('not now')
    })
    const heardAll: number[] = []
    live.onChange(({ catalogLimit }) => void heardAll.push(catalogLimit))
    await expect(live.reload()).rejects.toThrow('not now')
    expect(heardAll).toEqual([7])
    expect(await live.reload()).toEqual({ outcome: 'reloaded', changed: [], needsRestart: [] })
    await live.reload()
    expect(told).toEqual([7, 7])
  })

  test('are read one after the other, however many ask', async () => {
    const limits = [1, 2, 3]
    const live = openLive(settings(), () => settings({ catalog: { maxentries: limits.shift() } }))
    const seen: number[] = []
    live.onChange(async ({ catalogLimit }) => {
      await Promise.resolve()
      seen.push(catalogLimit)
    })
    await Promise.all([live.reload(), live.reload(), live.reload()])
    expect([seen, live.current.catalogLimit]).toEqual([[1, 2, 3], 3])
  })
})
