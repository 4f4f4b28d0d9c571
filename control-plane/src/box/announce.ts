import net from 'node:net'
import { dialledAddress, isLoopback } from '../system/addresses.js'
import type { FirstStart } from './box-message.js'
import type { BoxSettings } from './box-settings.js'
import type { BoxPlaces } from './box-places.js'

/** What there is to say once clients are served. */
export interface Announcement {
  readonly version: string
  readonly pid: number
  readonly settings: BoxSettings
  readonly places: BoxPlaces
  /** SHA-256 of the own authority, as people compare it. */
  readonly fingerprint: string
  /** What only a first start knows, and nobody says again. */
  readonly firstStart: FirstStart | undefined
  /** Why there is no admin API yet. */
  readonly withoutControlPlane: string | undefined
}

/** What runs where, and what to type next. */
export function announcement(about: Announcement): string {
  const { version, pid, settings, places, fingerprint } = about
  const { ports, httpBind, bind } = settings
  const plain = (port: number): string => urlHost(httpBind, [], port)
  const tls = (port: number): string => urlHost(bind, settings.names, port)
  const registry = plain(ports.registry)
  return [
    `Entrepot ${version}, process ${pid}, runs:`,
    `  registry   http://${registry}, ${who(httpBind)} may push and pull; https://${tls(ports.tls)}, push by account`,
    `  mirror     http://${plain(ports.mirror)}; https://${tls(ports.mirrorTls)}, pull only`,
    adminLine(about, tls(ports.admin)),
    `  authority  http://${registry}/ca: how clients come to trust the TLS addresses; compare its SHA-256:`,
    `             ${fingerprint}`,
    `  content    ${places.store}; all state lies in ${places.data}`,
    ...secretLines(about.firstStart),
    `  try        docker tag busybox ${registry}/busybox && docker push ${registry}/busybox`,
    `  try        docker pull ${plain(ports.mirror)}/library/busybox; docker pull ${registry}/quay.io/prometheus/busybox`,
    `  try        npx entrepot login --server https://${tls(ports.admin)} && npx entrepot status`,
    `  docker     "registry-mirrors": ["http://${plain(ports.mirror)}"] in /etc/docker/daemon.json: docker pull busybox comes from here`,
    '  stop       Ctrl-C: running transfers may end; a second one ends at once',
  ].join('\n')
}

function adminLine({ withoutControlPlane }: Announcement, address: string): string {
  const why = withoutControlPlane === undefined ? '/api/docs' : `, not yet (${withoutControlPlane})`
  return `  admin      https://${address}${why}`
}

/** What a first start made: said once, the box keeps only hashes of it. */
export function secretLines(firstStart: FirstStart | undefined): string[] {
  const { adminToken, account } = firstStart ?? {}
  return [
    ...(adminToken === undefined
      ? []
      : [`  token      ${adminToken}  (the administrator's; shown this once)`]),
    ...(account === undefined
      ? []
      : [`  account    ${account.name}  password ${account.password}  (may push; shown this once)`]),
  ]
}

function who(addresses: readonly string[]): string {
  const strange = addresses.filter((address) => !isLoopback(address))
  return strange.length === 0 ? 'everybody on this machine' : `everybody who reaches ${strange.join(', ')}`
}

/** Host and port as they stand in a URL: the name that clients know, else an address that is listened on. */
function urlHost(addresses: readonly string[], names: readonly string[], port: number): string {
  const [first = '127.0.0.1'] = addresses
  const isOpen = addresses.some((address) => !isLoopback(address))
  const host = (isOpen ? names[0] : undefined) ?? dialledAddress(first)
  return net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
