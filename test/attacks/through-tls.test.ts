import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { CHECKS_WITH_DELETES } from '../api/suite/checks.js'
import type { Subject } from '../api/suite/check.js'
import { readDifferences } from '../api/suite/differences.js'
import { judge } from '../api/suite/lane.js'
import { NEEDS } from '../front/suite.js'
import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { cpuTimeMs } from '../support/processes.js'
import { sendRaw } from '../support/raw-http.js'
import { RegistryClient } from '../support/registry-client.js'
import { rowsOfChecks } from './rows.js'
import { testCatalog } from './private-catalog.js'
import { testStreams } from './streams.js'
import { startTlsTarget, type TlsTarget } from './tls-target.js'

const KNOWN = readDifferences('nginx-differences.md')
const CHECKS = CHECKS_WITH_DELETES.flatMap(({ checks }) => checks).filter(
  ({ covers }) => rowsOfChecks(covers).length > 0,
)

for (const program of await nginxPrograms()) {
  describeNeeding(NEEDS, `attacks by TLS on the front of a box (nginx ${program.version})`, () => {
    let running: { readonly target: TlsTarget; readonly subject: Subject } | undefined
    const started = () => {
      if (running === undefined) throw new Error('the box does not run yet')
      return running
    }
    beforeAll(async () => {
      const target = await startTlsTarget(program)
      running = { target, subject: subjectOf(target) }
    })
    afterAll(async () => {
      await running?.subject.client.close()
      await running?.target.remove()
    })

    for (const { covers, title, body } of CHECKS)
      test(`${title} (${covers.join(', ')})`, () => judge(title, body(started().subject), KNOWN))

    testStreams(() => started().target)
    testCatalog(() => started().target)

    test('the core and nginx that were started still run', () => {
      const { box } = started().target
      expect(() => process.kill(box.core.pid, 0)).not.toThrow()
      expect(() => process.kill(box.nginx.pid, 0)).not.toThrow()
    })
  })
}

function subjectOf(target: TlsTarget): Subject {
  let repositories = 0
  return {
    target,
    client: new RegistryClient(target.baseUrl, { tls: target.tls }),
    cpuTimeMs: () => cpuTimeMs(target.process.pid),
    repository: () => `attacks/r${++repositories}`,
    raw: async (request, options) => sendRaw(await target.rawConnect(), request, options),
  }
}
