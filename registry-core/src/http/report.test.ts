import { expect, test } from '@jest/globals'
import { anonymousCaller } from '../access/caller.js'
import type { Metrics } from '../system/metrics.js'
import { openMetrics } from '../system/metrics.js'
import { openReporter } from './report.js'
import { parseTarget } from './target.js'

function opened(): { readonly metrics: Metrics; readonly said: string[]; ask(changes: Asked): void } {
  const said: string[] = []
  const say = (_fields: object, sentence: string): void => void said.push(sentence)
  const metrics = openMetrics({
    ...{ load: { requests: 0, uploads: 0 }, droppedLogLines: () => 0 },
    strays: { droppedLogins: 0, misdirected: 0 },
  })
  const { report } = openReporter({
    ...{ metrics, log: { info: say, warn: say, error: say } },
    hasAccessLog: () => true,
  })
  const peer = { requestId: 'id-1', remoteAddress: '127.0.0.1', listener: 0, isBehindNginx: true }
  return {
    ...{ metrics, said },
    ask: ({ method = 'GET', url = '/v2/', headers = {}, status = 200 }) =>
      report({
        request: { method, url, headers: { 'user-agent': 'entrepot-probe', ...headers } },
        peer: { ...peer, caller: anonymousCaller('pull', true) },
        ...{ call: parseTarget(url), status, bytesIn: 0, bytesOut: 2, durationMs: 1 },
        ...{ outcome: 'ok', served: { origin: 'local', cache: 'bypass' }, error: undefined },
      }),
  }
}

interface Asked {
  readonly method?: string
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status?: number
}

test.each([{}, { url: '/healthz' }, { url: '/readyz' }, { status: 401 }])(
  'a probe of the box is counted, and no line: %j',
  async (asked) => {
    const { metrics, said, ask } = opened()
    ask(asked)
    expect(said).toEqual([])
    expect(await metrics.text()).toMatch(/^registry_http_requests_total\{.*method="GET".*\} 1$/m)
  },
)

test.each<Asked>([
  { url: '/v2/team/app/manifests/latest' },
  { url: '/v2/_catalog' },
  { method: 'POST', url: '/v2/team/app/blobs/uploads/' },
  { headers: { authorization: 'Basic YTpi' } },
  { status: 503 },
  { headers: { 'user-agent': 'docker/29' } },
])('what only bears its name is written down: %j', (asked) => {
  const { said, ask } = opened()
  ask(asked)
  expect(said.length).toBe(1)
})
