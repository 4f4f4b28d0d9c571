import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { attempt, type Outcome, run } from '../support/commands.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { holdImage } from '../support/held-image.js'
import { freePort } from '../support/processes.js'
import { StateFolder } from '../support/state-folder.js'
import { RunningBox } from './running-box.js'

const UPSTREAM = 'quay.io'
/** A mount namespace in which quay.io is this machine, as where a name server says so. */
const WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'

describe('a box that a name server calls quay.io', () => {
  let state: StateFolder
  let box: RunningBox
  let upstream: FakeUpstream
  let port: number
  const file = (name: string): string => state.join(name)

  beforeAll(async () => {
    state = new StateFolder()
    upstream = await FakeUpstream.start()
    box = await RunningBox.open(state.join('box'))
    await box.change('PUT', `upstreams/${UPSTREAM}`, {
      urls: [upstream.url],
      allowAddresses: ['127.0.0.0/8'],
    })
    port = await freePort()
    writeFileSync(file('hosts'), `127.0.0.1 localhost ${UPSTREAM}\n`)
    mkdirSync(file('trust'))
    copyFileSync(box.caFile, file('trust/ca.crt'))
  })
  afterAll(async () => {
    await box.stop()
    await upstream.close()
    await state.destroy()
  })

  function skopeo(...args: readonly string[]): Promise<Outcome> {
    return attempt('unshare', ['--mount', 'sh', '-c', WITH_HOSTS, file('hosts'), 'skopeo', ...args])
  }

  /** Another port than 443 stands in the name: that is this machine's own. */
  function copy(repository: string, at: number): Promise<Outcome> {
    const from = `docker://${UPSTREAM}:${at}/${repository}:1`
    const to = `dir:${file(repository.replaceAll('/', '-'))}`
    return skopeo('--insecure-policy', 'copy', '--src-cert-dir', file('trust'), from, to)
  }

  function hold(repository: string): void {
    holdImage(upstream, repository, { state, seed: repository, layers: 1, layerBytes: 50_000 })
  }

  test('is nobody by that name as shipped', async () => {
    hold('team/early')
    expect(await copy('team/early', box.ports.tls)).toMatchObject({
      code: 1,
      output: expect.stringContaining('not quay.io'),
    })
    expect(upstream.count({ repository: 'team/early' })).toBe(0)
  })

  test('has it in its certificate, and serves what quay.io has, once it is set', async () => {
    await box.change('PATCH', 'settings/nginx', { virtualHosts: [UPSTREAM], virtualHostsPort: port })
    hold('team/app')
    for (const at of [port, box.ports.tls]) expect(await copy('team/app', at)).toMatchObject({ code: 0 })
    expect(existsSync(path.join(file('team-app'), 'manifest.json'))).toBe(true)
    expect(upstream.count({ repository: 'team/app' })).toBeGreaterThan(0)
    expect(await box.change('GET', 'certificates')).toMatchObject({
      server: { names: expect.arrayContaining([UPSTREAM]) },
    })
  })

  test('is the registry by its own name on that port, too', async () => {
    const own = ['--cacert', box.caFile, '-s', '-o', '/dev/null', '-w', '%{http_code}']
    const asked = await run('curl', [...own, `https://localhost:${port}/v2/quay.io/team/app/manifests/1`])
    expect(asked).toBe('200')
  })

  test('takes no name that is no upstream, and lets no upstream go that has one', async () => {
    const unknown = await box.ask('PATCH', 'settings/nginx', { virtualHosts: ['stranger.example'] })
    expect([unknown.status, unknown.body.toString()]).toEqual([
      400,
      expect.stringContaining('stranger.example'),
    ])
    const removed = await box.ask('DELETE', `upstreams/${UPSTREAM}`)
    expect([removed.status, removed.body.toString()]).toEqual([400, expect.stringContaining('virtualHosts')])
  })

  test('is nobody by that name again, when it is taken back', async () => {
    await box.change('PATCH', 'settings/nginx', { virtualHosts: null })
    hold('team/late')
    expect(await copy('team/late', box.ports.tls)).toMatchObject({ code: 1 })
    expect(upstream.count({ repository: 'team/late' })).toBe(0)
  })
})
