import { Injectable } from '@nestjs/common'

import { CoreImages } from '../core/core-images.js'
import { Database } from '../database/database.js'
import { Certificates } from '../front/certificates.service.js'
import { type Intent, readFrontIntent } from '../front/intent.js'
import { nginxSettings } from '../front/nginx-settings.schema.js'
import { Site } from '../front/site.js'
import { ClockProvider } from '../system/providers.js'
import { type ClientBox, viewOfClientBox } from './client-box.js'
import type { ClientSystem } from './client-files.js'
import type { ShownClient } from './clients.schema.js'
import { hasInstallScript, installScript, type ScriptedSystem } from './install-script.js'
import { MadeLately } from './made-lately.js'
import { PROBE } from './probe-image.js'
import { renderClient } from './render-client.js'

/** A change is in the scripts a moment later. */
const SCRIPT_KEPT_MS = 2000

/** What makes daemons and builders use this box, with its addresses, its upstreams, and its authority. */
@Injectable()
export class Clients {
  readonly #scripts: MadeLately<ScriptedSystem, string>

  constructor(
    private readonly database: Database,
    private readonly certificates: Certificates,
    private readonly images: CoreImages,
    private readonly site: Site,
    clock: ClockProvider,
  ) {
    this.#scripts = new MadeLately({ clock, keptMs: SCRIPT_KEPT_MS })
  }

  async show(system: ClientSystem): Promise<ShownClient> {
    const { box, publicKey } = await this.#box()
    const { files, identification, install, reload, prove, undo, notes, title } = renderClient(system, box)
    const script = hasInstallScript(system) ? [this.#oneLine(system, box, publicKey)] : []
    return {
      ...{ system, title, script, files: [...files], identification: [...identification] },
      ...{
        install: [...install],
        reload: [...reload],
        prove: [...prove],
        undo: [...undo],
        notes: [...notes],
      },
    }
  }

  /** For everybody: it holds no secret, and a machine that is set up has no token. */
  script(system: ScriptedSystem): Promise<string> {
    return this.#scripts.get(system, async () => installScript(system, (await this.#box()).box))
  }

  /** The key of the box is pinned, so that a machine that trusts nobody yet runs no script of a stranger's. */
  #oneLine(system: ScriptedSystem, box: ClientBox, publicKey: string): string {
    const { host } = viewOfClientBox(box)
    const url = `https://${host}:${this.site.ports.admin}/api/v1/clients/${system}/install.sh`
    const curl = `curl -fsSk --pinnedpubkey 'sha256//${publicKey}' ${url}`
    return `${curl} | sh -s -- --fingerprint ${box.caFingerprint}`
  }

  async #box(): Promise<{ readonly box: ClientBox; readonly publicKey: string }> {
    const intent = await this.database.transaction(readFrontIntent)
    const { upstreams, nginx } = intent
    const { caPem, fingerprint, isKnownAnyway, publicKey } = await this.certificates.trusted(intent)
    const { registry, mirror, tls, mirrorTls } = this.site.ports
    const box: ClientBox = {
      host: this.site.host,
      ports: { registryTls: tls, mirrorTls, registryHttp: registry, mirrorHttp: mirror },
      ...{ caPem, caFingerprint: fingerprint, isKnownAnyway },
      upstreams: namesOf(upstreams),
      access: nginxSettings.parse(nginx).anonymousPull ? 'open' : 'account',
      ...((await this.#hasProbe()) && { probe: `${PROBE.repository}:${PROBE.tag}` }),
    }
    return { box, publicKey }
  }

  /** Somebody may have removed it, or the core may not run: then clients prove themselves by an image of Docker Hub. */
  async #hasProbe(): Promise<boolean> {
    try {
      return await this.images.has(PROBE.repository, PROBE.tag)
    } catch {
      return false
    }
  }
}

function namesOf(upstreams: Intent['upstreams']): ClientBox['upstreams'] {
  return upstreams.map(({ host, settings }) => ({ host, aliases: listOf(settings['aliases']) }))
}

/** The core's schema has passed it: a list of texts, or nothing. */
function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
