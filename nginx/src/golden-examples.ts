import type { FrontSettings } from './settings.js'

/** The folder that stands for "somewhere on the machine" in the examples. */
export const GOLDEN_FOLDER = '/srv/entrepot'

const COMMON = {
  prefix: `${GOLDEN_FOLDER}/front`,
  coreSocket: `${GOLDEN_FOLDER}/run/core.sock`,
  storeRoot: `${GOLDEN_FOLDER}/store`,
}
const PLAIN = { kind: 'http', address: '127.0.0.1', port: 5000 } as const
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
}
