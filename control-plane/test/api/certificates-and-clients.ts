import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { expect, test } from '@jest/globals'

import { CLIENT_SYSTEMS } from '#control/clients/client-files.js'
import { CLIENT_ROUTES as CLIENTS } from '#control/clients/clients.schema.js'
import { SCRIPTED_SYSTEMS } from '#control/clients/install-script.js'
import { CERTIFICATE_ROUTES as CERTIFICATES } from '#control/front/certificates.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { describeOn, type OpenStage } from './suite.js'

export function testCertificatesAndClients(open: OpenStage): void {
  describeOn('certificates and clients', open, (stage) => {
    test('the authority is given to everybody, and is the one that is shown', async () => {
      const { api } = stage()
      const { text } = await api.done(CERTIFICATES.authority, { token: null })
      const { body } = await api.done(CERTIFICATES.show)
      expect(body).toMatchObject({ authority: { fingerprint: new X509Certificate(text).fingerprint256 } })
      expect(body).toMatchObject({ server: { state: 'fine', names: ['box.example', '127.0.0.1'] } })
    })

    test('a further name of the settings stands in the certificate', async () => {
      const { api } = stage()
      await api.done(NGINX.patch, { body: { names: ['further.example'] } })
      const { body } = await api.done(CERTIFICATES.show)
      expect(body['server']).toMatchObject({ names: expect.arrayContaining(['further.example']) })
      expect((await api.refused(NGINX.patch, { body: { names: ['a b'] } })).errors?.[0]?.field).toBe(
        'names[0]',
      )
    })

    test.each(CLIENT_SYSTEMS)('files for %s name this box and its upstreams', async (system) => {
      const { text } = await stage().api.done(CLIENTS.show, { path: { system } })
      expect(text).toContain('box.example')
    })

    test.each(SCRIPTED_SYSTEMS)('everybody gets the script that sets %s up', async (system) => {
      const { api, tls } = stage()
      const { text } = await api.done(CLIENTS.script, { path: { system }, token: null })
      expect(text).toContain("BOX='box.example'")
      expect(text).toContain(readFileSync(tls.caFile, 'utf8').trimEnd())
      const { body } = await api.done(CLIENTS.show, { path: { system } })
      const address = `https://box\\.example:5445/api/v1/clients/${system}/install\\.sh`
      const line = `^curl -fsSk --pinnedpubkey 'sha256//[A-Za-z0-9+/]{43}=' ${address} \\| sh -s -- --fingerprint ${tls.fingerprint}$`
      expect(body['script']).toEqual([expect.stringMatching(line)])
    })

    test('of what people set up there is no script, and the line that fetches one is missing', async () => {
      const { api } = stage()
      const { status, errors } = await api.refused(CLIENTS.script, { path: { system: 'kind' }, token: null })
      expect([status, errors?.[0]?.message]).toEqual([400, expect.stringContaining('one of docker')])
      expect((await api.done(CLIENTS.show, { path: { system: 'kind' } })).body).toMatchObject({ script: [] })
    })

    test('of an unknown kind of client the known ones are told', async () => {
      const { detail } = await stage().api.refused(CLIENTS.show, { path: { system: 'rkt' } })
      expect(detail).toContain('containerd')
    })
  })
}
