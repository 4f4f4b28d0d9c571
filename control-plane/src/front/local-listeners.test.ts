import { expect, test } from '@jest/globals'

import { localListeners } from './local-listeners.js'
import type { ServedCertificate } from './served-certificate.js'

const PORTS = { registry: 5000, mirror: 5001, tls: 5443, mirrorTls: 5444, admin: 5445 }
const OPTIONS = {
  site: { host: 'box', names: ['box'], ports: PORTS, acmePort: 80, certificates: '/certificates' },
  ...{ bind: ['10.0.0.1'], httpBind: ['127.0.0.1'] },
  sockets: {
    ...{ localCore: 'local.sock', core: 'core.sock', closedCore: 'closed.sock' },
    ...{ control: 'control.sock', api: 'api.sock', generation: 'front.sock' },
  },
}
const SERVED = { certificate: 'a.pem', key: 'a.key' } as ServedCertificate

/** Which core each TLS port asks. */
function coresOf(nginx: Record<string, unknown>, clientAuthorities?: string): Record<number, unknown> {
  const intent = { nginx, certificate: null, upstreams: [], accounts: [] }
  const listeners = localListeners(OPTIONS, { intent, served: SERVED, clientAuthorities })
  const tls = listeners.filter((listener) => listener.kind === 'tls')
  return Object.fromEntries(tls.map(({ port, coreSocket }) => [port, coreSocket]))
}

/** What listens on port 80, with its folder of challenges. */
function onPort80(options: Partial<typeof OPTIONS>) {
  const acme = { directory: 'https://acme.example', ca: null, contact: null, names: ['box'] }
  const upstreams = [{ host: 'quay.io', settings: {}, sealedPassword: null }]
  const nginx = { virtualHosts: ['quay.io'], virtualHostsHttpPort: 80 }
  const intent = { nginx, certificate: null, upstreams, accounts: [], acme }
  const wanted = { intent, served: SERVED, clientAuthorities: undefined }
  return localListeners({ ...OPTIONS, ...options }, wanted).filter(({ port }) => port === 80)
}

test('an ACME server is answered by the virtual hosts where they have its port, else by a listener of its own', () => {
  const challenges = '/certificates/challenges'
  expect(onPort80({ bind: ['10.0.0.1', '10.0.0.2'], httpBind: ['10.0.0.1', '127.0.0.1'] })).toMatchObject([
    { kind: 'http', address: '10.0.0.1', challenges },
    { kind: 'http', address: '127.0.0.1', challenges },
    { kind: 'challenge', address: '10.0.0.2', folder: challenges },
  ])
})

test('as shipped anybody pulls by TLS', () => {
  expect(coresOf({})).toEqual({ 5443: 'core.sock', 5444: 'core.sock' })
})

test('where nobody pulls without a login, the mirror wants one too', () => {
  expect(coresOf({ anonymousPull: false })).toEqual({ 5443: 'closed.sock', 5444: 'closed.sock' })
})

test('whoever has shown a certificate to the mirror needs no login there', () => {
  const cores = coresOf({ anonymousPull: false }, 'clients.pem')
  expect(cores).toEqual({ 5443: 'closed.sock', 5444: 'core.sock' })
})
