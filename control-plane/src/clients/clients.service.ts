import { Injectable } from '@nestjs/common'

import { Database } from '../database/database.js'
import { Certificates } from '../front/certificates.service.js'
import { readIntent } from '../front/intent.js'
import { Site } from '../front/site.js'
import type { ClientFiles, ClientSystem } from './client-files.js'
import { renderClient } from './render-client.js'

/** What makes daemons and builders use this box, with its addresses, its upstreams, and its authority. */
@Injectable()
export class Clients {
  constructor(
    private readonly database: Database,
    private readonly certificates: Certificates,
    private readonly site: Site,
  ) {}

  async show(system: ClientSystem): Promise<ClientFiles> {
    const { upstreams } = await this.database.transaction(readIntent)
    const { authority } = await this.certificates.show()
    const { registry, mirror, tls, mirrorTls } = this.site.ports
    return renderClient(system, {
      host: this.site.host,
      ports: { registryTls: tls, mirrorTls, registryHttp: registry, mirrorHttp: mirror },
      caPem: await this.certificates.authority(),
      caFingerprint: authority.fingerprint,
      upstreams: upstreams.map(({ host, settings }) => ({ host, aliases: listOf(settings['aliases']) })),
      access: 'open',
    })
  }
}

/** The core's schema has passed it: a list of texts, or nothing. */
function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
