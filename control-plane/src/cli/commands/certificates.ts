import { Option, type Command } from 'commander'

import {
  type CertificatesShown,
  CERTIFICATE_ROUTES as ROUTES,
  type ChosenCertificate,
} from '../../front/certificates.schema.js'
import { apiCommand, group, listOption, type Run } from '../command.js'
import { asYaml, pageShown, type Shown } from '../output.js'
import { readText } from '../settings-options.js'

interface IssuerOptions {
  readonly allowUnknownIssuer?: boolean
}

interface UploadOptions extends IssuerOptions {
  readonly keyFile?: string
}

interface RequestOptions {
  readonly name?: readonly string[]
  readonly keyKind?: string
  readonly organization?: string
}

interface AcmeOptions {
  readonly name?: readonly string[]
  readonly contact?: string
  readonly caFile?: string
  readonly agreeTerms?: boolean
  readonly accountKeyId?: string
  readonly accountHmacFile?: string
}

const UNKNOWN_ISSUER = new Option(
  '--allow-unknown-issuer',
  'its last issuer is not known here: clients have it',
)

export function addCertificates(program: Command, run: Run): void {
  const certificates = group(program, 'certificates', "The box's own authority, and what nginx shows.")
  apiCommand(certificates, run, {
    usage: 'show',
    description: 'Shows their names, fingerprints and ends.',
    examples: ['entrepot certificates show'],
    run: async ({ call }) => {
      return certificatesShown(await call(ROUTES.show))
    },
  })
  apiCommand(certificates, run, {
    usage: 'ca',
    description: 'Writes the own authority, PEM, for clients that are to trust it.',
    examples: ['entrepot certificates ca > entrepot-ca.pem'],
    run: async ({ call }) => {
      const pem = await call(ROUTES.authority)
      return { value: { pem }, text: pem.trimEnd() }
    },
  })
  addOwn(certificates, run)
  addAcme(group(certificates, 'acme', 'Certificates that an ACME server issues, and the box renews.'), run)
  addRequests(group(certificates, 'requests', 'Signing requests for a PKI of yours.'), run)
}

function addOwn(certificates: Command, run: Run): void {
  apiCommand<UploadOptions>(certificates, run, {
    usage: 'upload <file>',
    description:
      'Serves a certificate of yours: PEM, with its issuers, and its key in the same file or another.',
    examples: ['entrepot certificates upload box.pem --key-file box.key'],
    options: [new Option('--key-file <file>', 'its key, PEM'), UNKNOWN_ISSUER],
    run: async ({ call, args: [file = ''], options: { keyFile, allowUnknownIssuer } }) => {
      const body = {
        certificate: readText('the certificate', file),
        ...(keyFile !== undefined && { key: readText('--key-file', keyFile) }),
        ...(allowUnknownIssuer !== undefined && { allowUnknownIssuer }),
      }
      return chosenShown(await call(ROUTES.upload, { body }))
    },
  })
  apiCommand(certificates, run, {
    usage: 'reset',
    description: 'Goes back to a certificate of the own authority.',
    examples: ['entrepot certificates reset'],
    run: async ({ call }) => {
      await call(ROUTES.reset)
      return { text: 'The certificate is one of the own authority.' }
    },
  })
}

function addAcme(acme: Command, run: Run): void {
  apiCommand<AcmeOptions>(acme, run, {
    usage: 'set <directory>',
    description:
      'Orders certificates of the ACME server with this directory from now on, and renews them.\n\nIts questions (HTTP-01) come to port 80 of the names, where the box listens from now on.',
    examples: [
      'entrepot certificates acme set https://acme-v02.api.letsencrypt.org/directory --contact me@example.com --agree-terms',
      'entrepot certificates acme set https://ca.corp.example/acme/directory --ca-file corp.pem --name box.corp.example --agree-terms',
    ],
    options: [
      listOption('--name <name>', 'a name of the box; all its hosts when missing'),
      new Option('--contact <address>', 'where the authority writes to'),
      new Option('--ca-file <file>', "of whom the directory's own certificate is, PEM"),
      new Option('--agree-terms', "agrees to the authority's terms of service"),
      new Option('--account-key-id <id>', 'of the account that the authority has given you, if it wants one'),
      new Option('--account-hmac-file <file>', 'the HMAC key of that account, base64url'),
    ],
    run: async ({ call, args: [directory = ''], options }) =>
      certificatesShown(await call(ROUTES.acme, { body: acmeBody(directory, options) })),
  })
  apiCommand(acme, run, {
    usage: 'renew',
    description: 'Orders one now, without waiting for the next try.',
    examples: ['entrepot certificates acme renew'],
    run: async ({ call }) => certificatesShown(await call(ROUTES.renewAcme)),
  })
  apiCommand(acme, run, {
    usage: 'rm',
    description: 'Ends it, and goes back to a certificate of the own authority.',
    examples: ['entrepot certificates acme rm'],
    run: async ({ call }) => {
      await call(ROUTES.dropAcme)
      return { text: 'No ACME server is in force.' }
    },
  })
}

function acmeBody(directory: string, options: AcmeOptions): object {
  const { name, contact, caFile, agreeTerms = false, accountKeyId, accountHmacFile } = options
  return {
    ...{ directory, termsAgreed: agreeTerms },
    ...(name !== undefined && { names: name }),
    ...(contact !== undefined && { contact }),
    ...(caFile !== undefined && { ca: readText('--ca-file', caFile) }),
    ...((accountKeyId !== undefined || accountHmacFile !== undefined) && {
      externalAccount: {
        keyId: accountKeyId ?? '',
        hmacKey: accountHmacFile === undefined ? '' : readText('--account-hmac-file', accountHmacFile).trim(),
      },
    }),
  }
}

/** An order that has failed is a finding: what is served is another certificate. */
function certificatesShown(value: CertificatesShown): Shown {
  const { acme } = value
  const text = asYaml(value).trimEnd()
  if (acme?.state !== 'failed') return { value, text }
  return { value, text, finding: `no certificate came by ACME: ${acme.reason ?? ''}` }
}

function addRequests(requests: Command, run: Run): void {
  apiCommand(requests, run, {
    usage: 'ls',
    description: 'Lists them.',
    examples: ['entrepot certificates requests ls'],
    run: async ({ call }) => pageShown(await call(ROUTES.requests), ['ID'], ({ id }) => [id]),
  })
  apiCommand<RequestOptions>(requests, run, {
    usage: 'create',
    description: 'Makes one; its key never leaves the box.',
    examples: ['entrepot certificates requests create --name box.example.com > box.csr'],
    options: [
      listOption('--name <name>', 'a name or address of the box; all that it has when missing'),
      new Option('--key-kind <kind>', 'of its key (p256)'),
      new Option('--organization <name>', 'whose it is'),
    ],
    run: async ({ call, options: { name, keyKind, organization } }) => {
      const body = {
        ...(name !== undefined && { names: name }),
        ...(keyKind !== undefined && { key: keyKind }),
        ...(organization !== undefined && { organization }),
      }
      const made = await call(ROUTES.request, { body })
      return { value: made, text: `# ${made.id}\n${made.pem.trimEnd()}` }
    },
  })
  apiCommand<IssuerOptions>(requests, run, {
    usage: 'answer <id> <file>',
    description: 'Serves what your PKI has issued for one: PEM, with its issuers.',
    examples: ['entrepot certificates requests answer 5f0c box.pem'],
    options: [UNKNOWN_ISSUER],
    run: async ({ call, args: [id = '', file = ''], options: { allowUnknownIssuer } }) => {
      const body = {
        certificate: readText('the certificate', file),
        ...(allowUnknownIssuer !== undefined && { allowUnknownIssuer }),
      }
      return chosenShown(await call(ROUTES.answer, { path: { id }, body }))
    },
  })
  apiCommand(requests, run, {
    usage: 'rm <id>',
    description: 'Removes one and its key.',
    examples: ['entrepot certificates requests rm 5f0c'],
    run: async ({ call, args: [id = ''] }) => {
      await call(ROUTES.dropRequest, { path: { id } })
      return { text: `The request ${id} and its key are removed.` }
    },
  })
}

function chosenShown(chosen: ChosenCertificate): Shown {
  return { value: chosen, text: asYaml(chosen).trimEnd() }
}
