import { writeFileSync } from 'node:fs'
import path from 'node:path'

import { runToEnd } from './processes.js'

/** PEM files of a certificate, and of the authority that signed it. */
export interface Certificates {
  readonly caFile: string
  readonly caKey: string
  readonly certificate: string
  readonly key: string
}

/** Makes an authority and a certificate for these names and addresses in a folder, with openssl. */
export async function makeCertificates(
  folder: string,
  names: readonly string[] = ['DNS:localhost', 'IP:127.0.0.1', 'IP:::1'],
): Promise<Certificates> {
  const file = (name: string): string => path.join(folder, name)
  const authority = ['-subj', '/CN=Entrepot test CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  await openssl([...REQUEST, ...authority, '-keyout', file('ca.key'), '-out', file('ca.pem')])
  const made = { caFile: file('ca.pem'), caKey: file('ca.key') }
  return { ...made, ...(await signCertificate(folder, 'server', made, names)) }
}

/** Another certificate of an authority: for a server with these names, or for a client without any. */
export async function signCertificate(
  folder: string,
  name: string,
  { caFile, caKey }: Pick<Certificates, 'caFile' | 'caKey'>,
  names: readonly string[] = [],
): Promise<Pick<Certificates, 'certificate' | 'key'>> {
  const [certificate, key] = [path.join(folder, `${name}.pem`), path.join(folder, `${name}.key`)]
  const extensions = ['basicConstraints=critical,CA:FALSE']
  if (names.length > 0) extensions.push(`subjectAltName=${names.join(',')}`)
  const signed = ['-CA', caFile, '-CAkey', caKey, '-subj', `/CN=${name === 'server' ? 'localhost' : name}`]
  const added = extensions.flatMap((extension) => ['-addext', extension])
  await openssl([...REQUEST, ...signed, ...added, '-keyout', key, '-out', certificate])
  return { certificate, key }
}

const REQUEST = [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'],
]

/** Runs openssl, and throws unless it succeeds. */
export async function openssl(args: readonly string[]): Promise<string> {
  const run = await runToEnd('openssl', args)
  if (run.code !== 0) throw new Error(`openssl ${args[0]} ended with ${run.code}:\n${run.stderr}`)
  return run.stdout
}

/** A certificate of an authority that ended years ago. */
export async function signExpiredCertificate(
  folder: string,
  { caFile, caKey }: Pick<Certificates, 'caFile' | 'caKey'>,
  names: readonly string[],
): Promise<Pick<Certificates, 'certificate' | 'key'>> {
  const file = (name: string): string => path.join(folder, `expired.${name}`)
  const made = { certificate: file('pem'), key: file('key') }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', made.key]
  await openssl(['req', '-new', ...key, '-subj', '/CN=localhost', '-out', file('csr')])
  writeFileSync(file('txt'), '')
  const config = [
    '[ca]\ndefault_ca = it\n[it]',
    `database = ${file('txt')}\nnew_certs_dir = ${folder}\nrand_serial = yes`,
    'default_md = sha256\npolicy = any\nx509_extensions = more\n[any]\ncommonName = supplied',
    `[more]\nsubjectAltName = ${names.join(',')}\n`,
  ]
  writeFileSync(file('conf'), config.join('\n'))
  const times = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z']
  const signer = ['-cert', caFile, '-keyfile', caKey, '-config', file('conf')]
  await openssl([
    'ca',
    '-batch',
    '-notext',
    ...signer,
    ...times,
    '-in',
    file('csr'),
    '-out',
    made.certificate,
  ])
  return made
}
