import type { Command } from 'commander'

import { CERTIFICATE_ROUTES as ROUTES } from '../../front/certificates.schema.js'
import { apiCommand, group, type Run } from '../command.js'
import { asYaml } from '../output.js'

export function addCertificates(program: Command, run: Run): void {
  const certificates = group(program, 'certificates', "The box's own authority, and what nginx shows.")
  apiCommand(certificates, run, {
    usage: 'show',
    description: 'Shows their names, fingerprints and ends.',
    examples: ['entrepot certificates show'],
    run: async ({ call }) => {
      const value = await call(ROUTES.show)
      return { value, text: asYaml(value).trimEnd() }
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
}
