import { closeSync, openSync, statSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import type { Environment } from '../config/environment.js'
import type { Settings } from '../config/settings.js'
import { errorCode } from '../store/fs.js'

/** Who has a store, by number, and the folder that says so. */
interface Owner {
  readonly uid: number
  readonly gid: number
  readonly folder: string
}

/**
 * In a container that was started as root the registry takes the user who has its folder, so that it is right for folders
 * of root (as registry:2 made them) and of others alike. Only where the image says so, by ENTREPOT_RUN_AS=owner.
 * Answers what there is to say about it. @throws never
 */
export function runAsOwner(settings: Settings, environment: Environment): string | undefined {
  const { root } = settings.store
  if (environment['ENTREPOT_RUN_AS'] !== 'owner' || process.getuid?.() !== 0) return undefined
  if (root === undefined) return 'runs as root: a store in memory has no owner'
  const owner = findOwner(root)
  if (owner === undefined || owner.uid === 0)
    return `runs as root, like the folder ${owner?.folder ?? root}; for a user of less power: chown -R 1000:1000 ${root}, and start again`
  const whose = `the folder ${owner.folder} belongs to user ${owner.uid}`
  try {
    const hidden = become(owner, filesOf(settings))
    return hidden === undefined
      ? `runs as user ${owner.uid}, like the folder ${owner.folder}`
      : `${whose}, who may not read ${hidden}: it stays root; let that user read the file, or type: chown -R root ${root}`
  } catch (error) {
    return `${whose}, and this container may not change its user (${errorCode(error)}): it stays root; start it with --user ${owner.uid}:${owner.gid}`
  }
}

/**
 * Becomes that user for good, unless there is a file that the user may not read: registry:2 has read it as root, and it is
 * read again while the registry runs. Answers that file. @throws EPERM where the container may not
 */
function become({ uid, gid }: Owner, files: readonly string[]): string | undefined {
  const { getgroups, setgroups, setegid, seteuid, setgid, setuid } = process
  const groups = getgroups?.() ?? []
  // Groups that the container was given on purpose stay; root's own goes.
  setgroups?.([...groups.filter((group) => group !== 0), gid])
  setegid?.(gid)
  seteuid?.(uid)
  const hidden = files.find(isHidden)
  seteuid?.(0)
  if (hidden === undefined) {
    setgid?.(gid)
    setuid?.(uid)
  } else {
    setegid?.(0)
    setgroups?.(groups)
  }
  return hidden
}

/** What is read again after the start: certificates that are renewed, passwords that change. */
function filesOf({ file, tls, access }: Settings): readonly string[] {
  const { htpasswd, token } = access
  const named = [tls?.certificate, tls?.key, htpasswd?.path, token?.rootCertBundle, token?.jwks]
  return [file, ...named, ...(tls?.clientCas ?? [])].filter((name) => name !== undefined)
}

/** Asked as the user it is about: access(2) would answer for root. */
function isHidden(file: string): boolean {
  try {
    closeSync(openSync(file, 'r'))
    return false
  } catch (error) {
    return errorCode(error) === 'EACCES'
  }
}

/**
 * The owner of what a registry has written there, of the empty folder else: people make the folder themselves, and
 * registry:2 fills it as root. Undefined when there is no such folder.
 */
function findOwner(root: string): Owner | undefined {
  const folders = [path.join(root, 'docker/registry/v2/blobs'), path.join(root, 'docker/registry/v2'), root]
  for (const folder of folders) {
    const found = statSync(folder, { throwIfNoEntry: false })
    if (found !== undefined) return { uid: found.uid, gid: found.gid, folder }
  }
  return undefined
}
