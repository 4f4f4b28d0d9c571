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
