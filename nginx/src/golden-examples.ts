import type { FrontSettings } from './settings.js'

/** The folder that stands for "somewhere on the machine" in the examples. */
export const GOLDEN_FOLDER = '/srv/entrepot'

const COMMON = {
  prefix: `${GOLDEN_FOLDER}/front`,
  coreSocket: `${GOLDEN_FOLDER}/run/core.sock`,
  storeRoot: `${GOLDEN_FOLDER}/store`,
}
const PLAIN = { kind: 'http', address: '127.0.0.1', port: 5000 } as const
const VIRTUAL_HOSTS = [
  { names: ['docker.io', 'index.docker.io', 'registry-1.docker.io'], view: { upstream: 'docker.io' } },
  { names: ['registry.example'], view: { upstream: 'registry.example:5000' } },
] as const
const TLS = {
  kind: 'tls',
  port: 5443,
  certificate: `${GOLDEN_FOLDER}/tls/server.pem`,
  key: `${GOLDEN_FOLDER}/tls/server.key`,
} as const

/** The settings whose rendered files lie in golden/, by folder. */
export const GOLDEN_EXAMPLES: Readonly<Record<string, FrontSettings>> = {
  'plain-1.22': { ...COMMON, nginxVersion: '1.22.1', listeners: [PLAIN], user: 'nobody', group: 'nogroup' },
  'tls-1.22': {
    ...COMMON,
    nginxVersion: '1.22.1',
    listeners: [PLAIN, { ...TLS, address: '127.0.0.1' }],
    workers: 4,
    maxUploadSize: '20g',
    timeoutSeconds: 300,
  },
  'tls-1.30': {
    ...COMMON,
    nginxVersion: '1.30.6',
    listeners: [
      { ...TLS, address: '127.0.0.1' },
      { ...TLS, address: '::1' },
    ],
    maxUploadSize: '0',
  },
  'views-1.22': {
    ...COMMON,
    nginxVersion: '1.22.1',
    listeners: [
      { ...PLAIN, virtualHosts: VIRTUAL_HOSTS },
      { ...PLAIN, port: 5002, view: { upstream: 'quay.io' } },
      {
        ...{ ...TLS, address: '127.0.0.1', view: 'mirror' },
        virtualHosts: [{ names: ['push.example'], view: 'registry' }],
      },
    ],
  },
}
