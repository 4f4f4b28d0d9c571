import { isDeepStrictEqual } from 'node:util'
import { type ConfigurationFile, parseConfiguration } from '@entrepot/registry-core/contract'
import { stringify } from 'yaml'

import type { RenderedFile } from './rendered-file.js'

/** What a box decides about the core behind its front; everything else keeps the core's defaults. */
export interface RegistrySettings {
  /** The folder that holds `docker/registry/v2`, absolute. */
  readonly storeRoot: string
  /** Whether clients may delete tags, manifests and blobs, if their rights allow it. */
  readonly deletes: boolean
  /** Unix sockets for nginx, with what anybody may do who comes by it. */
  readonly sockets: readonly {
    readonly socket: string
    readonly anonymous: 'push' | 'pull' | 'none'
  }[]
  /** The socket of health, metrics and orders, for the control plane alone. */
  readonly internalSocket: string
  readonly mirrors?: ConfigurationFile['mirrors']
  readonly overlay?: ConfigurationFile['overlay']
  readonly access?: Omit<NonNullable<ConfigurationFile['access']>, 'anonymous'>
  /** Further keys of the file, in its own words. */
  readonly further?: Omit<
    ConfigurationFile,
    'version' | 'storage' | 'listeners' | 'internal' | 'mirrors' | 'overlay' | 'access'
  >
}

/** Settings that the core would not take, in its own words: each finding names the key. */
export class RegistryRefused extends Error {
  readonly findings: readonly string[]

  constructor(findings: readonly string[]) {
    super(findings.join('; '))
    this.name = 'RegistryRefused'
    this.findings = findings
  }
}

/** The core's configuration file. Throws RegistryRefused for what the core would refuse, ignore or read otherwise. */
export function renderRegistry(settings: RegistrySettings): RenderedFile {
  const { mirrors, overlay, access, further = {} } = settings
  const value: ConfigurationFile = {
    version: '0.1',
    ...further,
    storage: {
      filesystem: { rootdirectory: settings.storeRoot },
      delete: { enabled: settings.deletes },
    },
    listeners: settings.sockets.map(({ socket, anonymous }) => ({ socket, view: 'header', anonymous })),
    internal: { socket: settings.internalSocket },
    ...(mirrors && { mirrors }),
    ...(overlay && { overlay }),
    access: { ...access, anonymous: 'none' },
  }
  // No two of them are one value with two names: a file that people compare has no aliases.
  const text = `${NOTE}${stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })}`
  const read = parseConfiguration(text)
  const findings = [...read.findings, ...read.notices.map(({ sentence }) => sentence)]
  if (findings.length > 0) throw new RegistryRefused(findings)
  if (!isDeepStrictEqual(read.value, plain(value)))
    throw new RegistryRefused(['what was written is not what is read: a value is none that YAML can hold'])
  return { path: 'registry.yml', mode: 0o600, text } // hashes and passwords are in it
}

const NOTE = "# Entrepot's registry-core, rendered: changes made here are lost.\n"

/** Without what is undefined, as no file has it. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
