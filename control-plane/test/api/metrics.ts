import { appendFileSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'
import { request } from 'undici'

import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { METRICS_ROUTES as METRICS } from '#control/metrics/metrics.schema.js'
import { SEEN_ROUTES as SEEN } from '#control/traffic/seen.schema.js'
import { ADMIN_TOKEN } from '../support/api-stage.js'
import { entrepot } from '../support/entrepot.js'
import { describeOn, type OpenStage } from './suite.js'

const PAGE = path.join(import.meta.dirname, '../../../../docs/reference/metrics.md')

const PULL = {
  ...{ time: '2026-11-22T04:00:00+00:00', remote: '10.0.0.7', view: 'mirror', method: 'GET', status: 200 },
  ...{ target: '/v2/library/alpine/manifests/latest', tls: 'TLSv1.3', core_status: '200', cache: 'hit' },
  ...{ bytes_sent: 1000, request_bytes: 300, seconds: 0.01, completion: 'OK', from_disk: false },
  user_agent: 'docker/20.10.24+dfsg1 go/go1.19.8',
}

export function testMetrics(open: OpenStage): void {
  describeOn('the metrics of the box', open, (stage) => {
    test('are those of core, front and control plane in one answer, with nothing said twice', async () => {
      appendFileSync(stage().accessLog, `${JSON.stringify(PULL)}\n`)
      const { text } = await stage().api.done(METRICS.get)
      expect(text).toMatch(/^registry_x 7$/m)
      expect(text).toMatch(
        /^entrepot_front_requests_total\{view="mirror",scheme="https",method="GET",status="2xx",cache="hit",by="behind"\} 1$/m,
      )
      expect(text).toMatch(/^entrepot_part_up\{part="postgres"\} 1$/m)
      expect(text).toMatch(/^entrepot_configuration_changes\{outcome="applied"\} [1-9]\d*$/m)
      expect(text).toMatch(/^entrepot_configuration_changes\{outcome="refused"\} 0$/m)
      expect(text).toMatch(/^entrepot_certificate_remaining_seconds\{certificate="server"\} [1-9]\d+$/m)
      expect(text).toMatch(/^# TYPE entrepot_job_failed gauge$/m)
      expect(text).not.toMatch(/alpine|10\.0\.0\.7/)
      const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
      expect(names.length).toBe(new Set(names).size)
      expect(
        text.split('\n').filter((line) => !/^(# (HELP|TYPE) .*|[a-z0-9_]+(\{.*\})? \S+|)$/.test(line)),
      ).toEqual([])
    })

    test('are at the place where scrapers look, for a token that may read', async () => {
      const { body } = await stage().api.done(TOKENS.create, { body: { name: 'prometheus', rights: 'read' } })
      const ask = (authorization: string) =>
        request(`${stage().base}/metrics`, { headers: { authorization } })
      const answer = await ask(`Bearer ${String(body['token'])}`)
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([
        200,
        'text/plain; version=0.0.4; charset=utf-8',
      ])
      expect(await answer.body.text()).toContain('entrepot_part_up')
      const refused = await ask('Bearer wrong-token-of-somebody')
      expect(refused.statusCode).toBe(401)
      await refused.body.dump()
    })

    test('stand in metrics.md with their labels and their meaning, and no other', async () => {
      const { text } = await stage().api.done(METRICS.get)
      const told = [...text.matchAll(/^# HELP (entrepot_\S+) (.*)\n# TYPE \S+ (\S+)$/gm)]
        .map(([, name = '', help, type]) => ({ name, help, type }))
        .filter(({ name }) => !name.startsWith('entrepot_control_plane_'))
      const rows = [...readFileSync(PAGE, 'utf8').matchAll(/^\| `(entrepot_\S+)` \| (\w+) \|.*\| (.*) \|$/gm)]
      expect(rows.map(([, name, type, help]) => ({ name, help, type }))).toEqual(told)
    })
  })

  describeOn('the clients that were seen', open, (stage) => {
    test('are listed with the time and the way of their last pull', async () => {
      appendFileSync(stage().accessLog, `${JSON.stringify(PULL)}\n`)
      const { body } = await stage().api.done(SEEN.list)
      expect(body['items']).toEqual([
        expect.objectContaining({
          ...{ address: '10.0.0.7', program: 'docker', view: 'mirror', scheme: 'https' },
          lastPull: '2026-11-22T04:00:00.000Z',
        }),
      ])
    })

    test('are a table for people', async () => {
      const at = {
        ENTREPOT_SERVER: stage().base,
        ENTREPOT_ADMIN_TOKEN: ADMIN_TOKEN,
        HOME: stage().certificates,
      }
      expect(await entrepot(['clients', 'seen'], at)).toMatchObject({
        code: 0,
        out: expect.stringMatching(
          /^LAST PULL +ADDRESS +PROGRAM +LISTENER +ACCOUNT +PULLS\n2026-11-22T04:00:00\.000Z +10\.0\.0\.7 +docker +mirror https +1\n$/,
        ),
      })
    })
  })
}
