import type { Certificates } from '../support/certificates.js'

/** How hosts are reached, and what is sent to each. */
export interface HostSettings {
  readonly caFile?: string | undefined
  readonly client?: Pick<Certificates, 'certificate' | 'key'> | undefined
  /** The value of `Authorization`. */
  readonly header?: string | undefined
}

/** A registry's hosts.toml: the mirrors in their order, then the registry itself. */
export function hostsToml(
  server: string,
  mirrors: readonly string[],
  { caFile, client, header }: HostSettings = {},
): string {
  const tables = mirrors.map((mirror) => [
    `[host."${mirror}"]`,
    'capabilities = ["pull", "resolve"]',
    ...(caFile === undefined ? [] : [`ca = "${caFile}"`]),
    ...(client === undefined ? [] : [`client = [["${client.certificate}", "${client.key}"]]`]),
    ...(header === undefined ? [] : [`[host."${mirror}".header]`, `Authorization = "${header}"`]),
  ])
  return [`server = "${server}"`, ...tables.flat(), ''].join('\n')
}
