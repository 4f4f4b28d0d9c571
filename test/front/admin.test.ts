import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { type AppliedBox, makeBox } from './applied-box.js'
import { NEEDS } from './suite.js'

interface Heard {
  readonly target: string
  readonly headers: http.IncomingHttpHeaders
}

for (const program of await nginxPrograms()) {
  describeNeeding(NEEDS, `the listener of the control plane (nginx ${program.version})`, () => {
    const made: { box?: AppliedBox } = {}
    const box = (): AppliedBox => {
      if (!made.box) throw new Error('the box is not there yet')
      return made.box
    }
    const heard: Heard[] = []
    const api = http.createServer((request, response) => {
      heard.push({ target: request.url ?? '', headers: request.headers })
      request.resume()
      request.on('end', () => {
        const own = {
          'X-Frame-Options': 'SAMEORIGIN',
          'X-Request-Id': 'mine',
          'X-Accel-Redirect': '/_problems/400.json',
        }
        response.writeHead(200, { 'Content-Type': 'application/json', ETag: '"1"', ...own })
        response.end('{}')
      })
    })

    beforeAll(async () => {
      made.box = await makeBox(program)
      await box().apply('1')
      await box().start()
      api.listen(path.join(box().folder, 'run/api.sock'))
      await once(api, 'listening')
    })
    afterAll(async () => {
      api.close()
      api.closeAllConnections()
      await made.box?.stop()
    })

    async function ask(
      target: string,
      {
        method = 'GET',
        headers = {},
        body = '',
      }: { method?: string; headers?: http.OutgoingHttpHeaders; body?: string } = {},
    ) {
      const ca = readFileSync(box().certificates.caFile)
      const { admin: port } = box().ports
      const request = https.request({
        host: '127.0.0.1',
        port,
        path: target,
        method,
        ca,
        agent: false,
        headers,
      })
      request.end(body)
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      return { status: response.statusCode, headers: response.headers, body: await text(response) }
    }

    test('passes the target on as it came, and says itself who asks', async () => {
      const lies = {
        'X-Real-IP': '1.2.3.4',
        'X-Forwarded-For': '1.2.3.4',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'http',
        'X-Request-Id': 'chosen',
        'X-Entrepot-View': 'registry',
        'X-HTTP-Method-Override': 'DELETE',
        Forwarded: 'for=1.2.3.4',
        Authorization: 'Bearer token',
      }
      const target = '/api/v1/upstreams/quay.io%3A443?sort=a%2Fb'
      const answer = await ask(target, { headers: lies })
      expect(answer).toMatchObject({ status: 200, body: '{}' })
      const last = heard.at(-1)
      expect(last?.target).toBe(target)
      expect(last?.headers).toMatchObject({
        'x-real-ip': '127.0.0.1',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'https',
        'x-request-id': expect.stringMatching(/^[0-9a-f]{32}$/),
        authorization: 'Bearer token',
      })
      for (const name of ['x-entrepot-view', 'x-forwarded-host', 'forwarded', 'x-http-method-override'])
        expect(last?.headers).not.toHaveProperty([name])
    })

    test('adds headers that browsers go by, once each', async () => {
      const { headers } = await ask('/')
      expect(headers).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-request-id': expect.stringMatching(/^[0-9a-f]{32}$/),
        etag: '"1"',
      })
      expect(headers).not.toHaveProperty('strict-transport-security')
    })

    test('refuses a large body as a problem, before the control plane hears of it', async () => {
      const before = heard.length
      const answer = await ask('/api/v1/settings/nginx', {
        method: 'PUT',
        headers: { 'content-length': 100_000_000 },
      })
      expect(answer).toMatchObject({ status: 413, headers: { 'content-type': 'application/problem+json' } })
      expect(JSON.parse(answer.body)).toEqual({
        type: 'about:blank',
        title: 'Content Too Large',
        status: 413,
        detail: 'the body is larger than 1 MiB (a backup: 4 GiB)',
      })
      expect(heard).toHaveLength(before)
    })

    test('is the only one that asks the control plane', async () => {
      const before = heard.length
      const { local, mirror, authority } = box().ports
      for (const port of [local, mirror, authority])
        for (const target of ['/api/v1/health', '/api/docs', '/%61pi/v1/health', '/API/v1/health'])
          await fetch(`http://127.0.0.1:${port}${target}`, { redirect: 'manual' }).then((answer) => {
            expect([302, 400, 404]).toContain(answer.status)
          })
      expect(heard).toHaveLength(before)
    })

    test('says as a problem that the control plane does not run, while images are served', async () => {
      const closed = once(api, 'close')
      api.close()
      api.closeAllConnections()
      await closed
      const answer = await ask('/api/v1/health')
      expect(answer).toMatchObject({ status: 502, headers: { 'content-type': 'application/problem+json' } })
      expect(answer.body).toContain('the control plane is starting, or stopped')
      expect((await fetch(`http://127.0.0.1:${box().ports.local}/v2/`)).status).toBe(200)
    })

    test('TLS is spoken there and nothing else', async () => {
      const answer = await fetch(`http://127.0.0.1:${box().ports.admin}/api/v1/health`)
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ detail: expect.stringContaining('https://') })
    })

    test('the authority is offered over plain HTTP, with its fingerprint and what to do', async () => {
      const { local, mirror, authority } = box().ports
      const pem = readFileSync(box().certificates.caFile, 'utf8')
      for (const port of [local, mirror, authority]) {
        const file = await fetch(`http://127.0.0.1:${port}/ca.pem`)
        expect(file.headers.get('content-type')).toBe('application/x-pem-file')
        expect((await file.text()).trim()).toBe(pem.trim())
        const page = await fetch(`http://127.0.0.1:${port}/ca`)
        expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
        expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
        expect(await page.text()).toMatch(/[0-9A-F]{2}(?::[0-9A-F]{2}){31}/)
      }
      const root = await fetch(`http://127.0.0.1:${authority}/`, { redirect: 'manual' })
      expect([root.status, root.headers.get('location')]).toEqual([302, '/ca'])
    })

    test('nothing else of a generation can be fetched', async () => {
      const { authority, local } = box().ports
      for (const port of [authority, local])
        for (const target of [
          '/ca/../registry.yml',
          '/ca.pem/../registry.yml',
          '/ca/nginx.conf',
          '/_problems/400.json',
          '/_errors/400.json',
          '/registry.yml',
        ]) {
          const answer = await fetch(`http://127.0.0.1:${port}${target}`, { redirect: 'manual' })
          expect([302, 400, 404]).toContain(answer.status)
          expect(await answer.text()).not.toMatch(/rootdirectory|worker_processes/)
        }
    })
  })
}
