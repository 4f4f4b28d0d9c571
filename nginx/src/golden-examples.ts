import type { FrontSettings, Listener } from './settings.js'

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

/** An authority of nobody's: its key was never kept. */
const AUTHORITY = `-----BEGIN CERTIFICATE-----
MIIBozCCAUmgAwIBAgIUBNuZ1B3hpEJgCs4FyST5Lb9exl8wCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTRW50cmVwb3QgZXhhbXBsZSBDQTAgFw0yNjExMjIwMDQ3MjJa
GA8yMTI2MTAyOTAwNDcyMlowHjEcMBoGA1UEAwwTRW50cmVwb3QgZXhhbXBsZSBD
QTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAEiSzzMypv3CFJjyEejsjYoIU8S
J5u4LV7aEtiPrUhb6rKMBpPZ1j18ThUI4RV8EOYZAAo8ZDHMe5p1+0jUhwmjYzBh
MB0GA1UdDgQWBBQ9oANCwMUoARzWsa1wsL5jDXk0vjAfBgNVHSMEGDAWgBQ9oANC
wMUoARzWsa1wsL5jDXk0vjAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIB
BjAKBggqhkjOPQQDAgNIADBFAiEA2MuWW0gwJfzX9yCLO+fOulpoxBS1PcqWjPGU
p80kEL0CICzXnmzEiqkoabc+clndQ8rCWRJLiFc/omGPa2OcHZiO
-----END CERTIFICATE-----
`

/** The box as `npm start` runs it. */
function box(nginxVersion: string): FrontSettings {
  const address = '127.0.0.1'
  const local = { coreSocket: `${GOLDEN_FOLDER}/run/core-local.sock` }
  const { kind: _, port: __, ...pair } = TLS
  return {
    ...COMMON,
    nginxVersion,
    generation: {
      folder: `${GOLDEN_FOLDER}/config/generations/1`,
      socket: `${GOLDEN_FOLDER}/run/front.sock`,
    },
    authority: AUTHORITY,
    user: 'nobody',
    group: 'nogroup',
    listeners: [
      { ...PLAIN, ...local },
      { ...PLAIN, port: 5001, view: 'mirror' },
      ...[address, '::1'].flatMap((each): readonly Listener[] => [
        { ...TLS, address: each },
        { ...TLS, address: each, port: 5444, view: 'mirror' },
        { ...pair, kind: 'admin', address: each, port: 5445, apiSocket: `${GOLDEN_FOLDER}/run/api.sock` },
      ]),
      { kind: 'authority', address, port: 5080 },
      { kind: 'challenge', address, port: 5081, folder: `${GOLDEN_FOLDER}/challenges` },
    ],
  }
}

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
      { ...PLAIN, port: 5080, virtualHosts: VIRTUAL_HOSTS, challenges: `${GOLDEN_FOLDER}/challenges` },
      {
        ...{ ...TLS, address: '127.0.0.1', view: 'mirror' },
        virtualHosts: [{ names: ['push.example'], view: 'registry' }],
        clientAuthorities: `${GOLDEN_FOLDER}/tls/clients.pem`,
      },
    ],
  },
  'box-1.22': box('1.22.1'),
  'box-1.30': box('1.30.6'),
}
