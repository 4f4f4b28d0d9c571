import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { RESTRICTED, writeHtpasswd } from '../support/accounts.js'
import { startCoreBehindNginx } from '../support/behind-nginx.js'
import { describeNeeding, type Need } from '../support/needs.js'
import { cpuTimeMs } from '../support/processes.js'
import { sendRaw } from '../support/raw-http.js'
import { startCore, type Target, type TargetOptions } from '../support/targets.js'
import { type RestrictedSubject, rightsChecks } from './suite/rights.js'
import { WatchedClient } from './suite/watched-client.js'

/** The checks of rights against a registry in which not everybody may everything. */
function runRights(
  title: string,
  needs: readonly Need[],
  start: (options: TargetOptions) => Promise<Target>,
): void {
  describeNeeding(needs, title, () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    const usersFile = path.join(folder, 'htpasswd')
    let subject: (RestrictedSubject & { readonly client: WatchedClient }) | undefined
    const running = () => {
      if (subject === undefined) throw new Error('the registry did not start')
      return subject
    }
    beforeAll(async () => {
      writeHtpasswd(usersFile)
      const auth = { htpasswd: { realm: 'R', path: usersFile } }
      const target = await start({ config: { ...RESTRICTED, auth } })
      let repositories = 0
      subject = {
        ...{ target, usersFile, client: new WatchedClient(target.baseUrl) },
        cpuTimeMs: () => cpuTimeMs(target.process.pid),
        repository: () => `checks/r${++repositories}`,
        raw: async (request, options) => sendRaw(await target.rawConnect(), request, options),
      }
    }, 60_000)
    afterAll(async () => {
      await subject?.client.close()
      await subject?.target.remove()
      rmSync(folder, { recursive: true })
    })
    for (const { covers, title: name, body } of rightsChecks)
      test(`${name} (${covers.join(', ')})`, () => body(running()), 30_000)
    test('no answer broke the rules that hold for all', () => {
      expect(running().client.rulesBroken()).toEqual([])
    })
  })
}

runRights('registry-core with accounts', [], startCore)
runRights(
  'registry-core with accounts behind nginx',
  [{ program: 'nginx', debianPackage: 'nginx-light' }],
  startCoreBehindNginx,
)
