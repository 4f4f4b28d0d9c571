import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { once } from 'node:events'
import path from 'node:path'

import { Agent, request } from 'undici'

import { makeCertificates } from '../support/certificates.js'
import { freePort, type RunningProcess, startProcess, untilListening } from '../support/processes.js'

/** Let's Encrypt's own test server, which is Debian's package pebble; every name is 127.0.0.1 for it. */
export interface AcmeTestServer {
  readonly directoryUrl: string
  /** PEM of the authority that signed its own certificate. */
  readonly directoryCa: string
  /** Where it looks for challenges, in place of 80. */
  readonly httpPort: number
  /** PEM of the root that it issues under. */
  root(): Promise<string>
  stop(): Promise<void>
}

export interface AcmeServerOptions {
  /** Where it looks for challenges; a free port unless said otherwise. */
  readonly httpPort?: number
  /** Its customers: HMAC keys, base64url, by their ids. Then it serves nobody else. */
  readonly customers?: Readonly<Record<string, string>>
}

export async function startAcmeServer(
  folder: string,
  { httpPort, customers }: AcmeServerOptions = {},
): Promise<AcmeTestServer> {
  const made = await makeCertificates(folder)
  const ports = {
    acme: await freePort(),
    management: await freePort(),
    http: httpPort ?? (await freePort()),
    dns: await freePort(),
  }
  const local = (port: number): string => `127.0.0.1:${port}`
  const config = {
    listenAddress: local(ports.acme),
    managementListenAddress: local(ports.management),
    certificate: made.certificate,
    privateKey: made.key,
    httpPort: ports.http,
    tlsPort: await freePort(),
    ...(customers && { externalAccountBindingRequired: true, externalAccountMACKeys: customers }),
  }
  const file = path.join(folder, 'pebble.json')
  writeFileSync(file, JSON.stringify({ pebble: config }))
  const names = await startNames(local(ports.dns), local(await freePort()))
  const pebble = await startProcess('pebble', ['-config', file, '-dnsserver', local(ports.dns)], {
    // It throws away a third of the nonces, and remembers what was shown to it: both as a client must expect.
    environment: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '33', PEBBLE_AUTHZREUSE: '100' },
  })
  await untilListening({ port: ports.acme }, pebble)
  const directoryCa = readFileSync(made.caFile, 'utf8')
  return {
    directoryUrl: `https://${local(ports.acme)}/dir`,
    directoryCa,
    httpPort: ports.http,
    root: () => readPem(`https://${local(ports.management)}/roots/0`, directoryCa),
    async stop() {
      await Promise.all([pebble.stop(), names.stop()])
    },
  }
}

/** A web server for the challenges, as nginx is one: it answers what lies in the folder. */
export async function serveChallenges(folder: string, port: number) {
  const asked: string[] = []
  let isHeld = false
  const server = http.createServer((incoming, answer) => {
    asked.push(incoming.url ?? '')
    if (isHeld) return
    try {
      answer.end(readFileSync(path.join(folder, path.basename(incoming.url ?? ''))))
    } catch {
      answer.writeHead(404).end('nothing here')
    }
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return {
    /** Paths, in the order in which they came. */
    asked: (): readonly string[] => asked,
    /** From now on it takes requests, and says nothing. */
    hold(): void {
      isHeld = true
    },
    async stop(): Promise<void> {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function startNames(dns: string, management: string): Promise<RunningProcess> {
  const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', '']
  const args = ['-dns01', dns, '-management', management, '-defaultIPv4', '127.0.0.1', ...off]
  const names = await startProcess('pebble-challtestsrv', args)
  await untilListening({ port: Number(management.split(':')[1]) }, names)
  return names
}

async function readPem(url: string, ca: string): Promise<string> {
  const dispatcher = new Agent({ connect: { ca }, allowH2: false })
  try {
    const { body } = await request(url, { dispatcher })
    return await body.text()
  } finally {
    await dispatcher.destroy()
  }
}
