import path from 'node:path'

import { runToEnd } from './processes.js'

/** PEM files of a server for localhost, and of the authority that signed it. */
export interface Certificates {
  readonly caFile: string
  readonly certificate: string
  readonly key: string
}

/** Makes an authority and a certificate for these names and addresses in a folder, with openssl. */
export async function makeCertificates(
  folder: string,
  names: readonly string[] = ['DNS:localhost', 'IP:127.0.0.1', 'IP:::1'],
): Promise<Certificates> {
  const file = (name: string): string => path.join(folder, name)
  const req = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '30',
  ]
  const authority = ['-subj', '/CN=Entrepot test CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  await openssl([...req, ...authority, '-keyout', file('ca.key'), '-out', file('ca.pem')])
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-subj', '/CN=localhost']
  const server = [
    '-addext',
    `subjectAltName=${names.join(',')}`,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  ]
  await openssl([...req, ...signed, ...server, '-keyout', file('server.key'), '-out', file('server.pem')])
  return { caFile: file('ca.pem'), certificate: file('server.pem'), key: file('server.key') }
}

async function openssl(args: readonly string[]): Promise<void> {
  const run = await runToEnd('openssl', args)
  if (run.code !== 0) throw new Error(`openssl ${args[0]} ended with ${run.code}:\n${run.stderr}`)
}
