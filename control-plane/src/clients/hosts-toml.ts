import { type ClientBoxView, HUB } from './client-box.js'
import { type ClientFile, ownFile } from './client-files.js'
import { renderTemplate } from './templates.js'
import { joined, type Word } from './word.js'

/** Stands where a person, or the script, puts name and secret of an account. */
export const LOGIN_PLACE = joined`NAME-AND-SECRET-IN-BASE64`

/** The files of containerd's host folders below one folder, for each registry that the box mirrors. */
export function hostsFiles(box: ClientBoxView, folder: Word): readonly ClientFile[] {
  return box.hosts.map((host) => hostsFile(box, joined`${folder}/${host}/hosts.toml`, serverOf(host)))
}

/** For all registries without a folder of their own; they are asked themselves when the box knows them not. */
export function defaultHostsFile(box: ClientBoxView, folder: Word): ClientFile {
  return hostsFile(box, joined`${folder}/_default/hosts.toml`, undefined)
}

/** Seen from a hosts.toml, so that the whole folder may be moved, mounted and copied. */
function authorityOf({ mirror }: ClientBoxView): Word {
  return joined`../${mirror}/ca.crt`
}

/** For the registry of the box, which is nobody's mirror. */
export function registryHostsFile(box: ClientBoxView, folder: Word): ClientFile {
  const { host, registry, registryUrl } = box
  const text = renderTemplate('registry-hosts', { host, registryUrl, ca: authorityOf(box) })
  return ownFile(joined`${folder}/${registry}/hosts.toml`, text)
}

function hostsFile(box: ClientBoxView, path: Word, server: Word | undefined): ClientFile {
  const { host, mirrorUrl, needsAccount } = box
  const at = { hasServer: server !== undefined, server: server ?? host }
  const view = { host, mirrorUrl, needsAccount, login: LOGIN_PLACE, ca: authorityOf(box), ...at }
  return ownFile(path, renderTemplate('hosts', view), needsAccount ? 0o600 : 0o644)
}

/** Where a registry's API is. */
function serverOf(host: Word): Word {
  return host === HUB ? joined`https://registry-1.docker.io` : joined`https://${host}`
}
