import path from 'node:path'

import type { BoxSettings } from '../box/box-settings.js'
import type { BoxPlaces } from '../box/box-places.js'

/** What the environment says of the box, and no request changes. */
export abstract class Site {
  /** The name or address that clients are told. */
  abstract readonly host: string
  /** All names and addresses that its own certificate must have, but for those of the settings. */
  abstract readonly names: readonly string[]
  abstract readonly ports: {
    readonly registry: number
    readonly mirror: number
    readonly tls: number
    readonly mirrorTls: number
    readonly admin: number
  }
  /** Where an ACME server asks, as a rule 80; nobody listens there while there is none. */
  abstract readonly acmePort: number
  /** The folder of the authority and of the server's certificates. */
  abstract readonly certificates: string
}

/** Its names: what people set, where it listens, and this machine's own. */
export function siteOf(
  { names, ports, acmePort, bind }: Pick<BoxSettings, 'names' | 'ports' | 'acmePort' | 'bind'>,
  { certificates }: Pick<BoxPlaces, 'certificates'>,
): Site {
  const addresses = bind.filter((address) => !['0.0.0.0', '::'].includes(address))
  return {
    host: names[0] ?? addresses[0] ?? 'localhost',
    names: [...new Set([...names, ...addresses, 'localhost', '127.0.0.1', '::1'])],
    ...{ ports, acmePort, certificates },
  }
}

/** The folder of what nginx answers an ACME server. */
export function challengesOf({ certificates }: Pick<Site, 'certificates'>): string {
  return path.join(certificates, 'challenges')
}
