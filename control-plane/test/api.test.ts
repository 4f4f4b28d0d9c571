import { afterAll, beforeAll } from '@jest/globals'

import { Database } from '#control/database/database.js'
import { systemClock } from '#control/system/clock.js'
import { testAccounts } from './api/accounts.js'
import { testAcme } from './api/acme.js'
import { testAcmeRollback } from './api/acme-rollback.js'
import { testAudit } from './api/audit.js'
import { testCertificatesAndClients } from './api/certificates-and-clients.js'
import { testBackups } from './api/backups.js'
import { testContract } from './api/contract.js'
import { testHistory } from './api/history.js'
import { testHostileRequests } from './api/hostile.js'
import { testMetrics } from './api/metrics.js'
import { testOtherKey } from './api/other-key.js'
import { testNginxSettings } from './api/nginx-settings.js'
import { testSecrets } from './api/secrets.js'
import { testServerCertificate } from './api/server-certificate.js'
import { testTogether } from './api/together.js'
import { testTokens } from './api/tokens.js'
import { testUpstreams } from './api/upstreams.js'
import { openApiStage } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'

let postgres: TestPostgres | undefined

beforeAll(async () => {
  postgres = await startTestPostgres(migrate)
})

afterAll(async () => postgres?.stop())

async function freshDatabase(): Promise<string> {
  if (postgres === undefined) throw new Error('asked before the tests began')
  return postgres.freshDatabase()
}

async function open() {
  return openApiStage({ url: await freshDatabase() })
}

async function migrate(url: string): Promise<void> {
  const database = new Database({ url, clock: systemClock })
  await database.check()
  await database.close()
}

testUpstreams(open)
testAccounts(open)
testNginxSettings(open)
testTokens(open)
testHistory(open)
testOtherKey(freshDatabase)
testTogether(freshDatabase)
testAudit(open)
testCertificatesAndClients(open)
testServerCertificate(open)
testAcme(open)
testAcmeRollback(open)
testSecrets(open)
testBackups(open)
testMetrics(open)
testHostileRequests(open)
testContract(open)
