import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

import type { ClientBox } from './client-box.js'

const caPem = readFileSync(new URL('../../golden/clients/ca.pem', import.meta.url), 'utf8')

const HUB = { host: 'docker.io', aliases: ['index.docker.io', 'registry-1.docker.io'] }

/** Boxes whose clients' files lie in golden/clients. */
export const GOLDEN_BOXES = {
  open: {
    host: 'box.example',
    ports: { registryTls: 5443, mirrorTls: 5444, registryHttp: 5000, mirrorHttp: 5001 },
    caPem,
    caFingerprint: new X509Certificate(caPem).fingerprint256,
    upstreams: [HUB, { host: 'quay.io', aliases: [] }],
    access: 'open',
  },
  account: {
    host: 'registry.example',
    mirrorHost: 'mirror.example',
    ports: { registryTls: 443, mirrorTls: 443 },
    caPem,
    caFingerprint: new X509Certificate(caPem).fingerprint256,
    upstreams: [HUB, { host: 'hub.internal:5000', aliases: ['hub.example'] }],
    access: 'account',
    probe: 'entrepot/probe:1',
  },
} satisfies Readonly<Record<string, ClientBox>>
