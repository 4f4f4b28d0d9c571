import { statSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import type { Environment } from '../config/environment.js'
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
export function runAsOwnerOf(root: string | undefined, environment: Environment): string | undefined {
  const { getuid, getgroups, setgroups, setgid, setuid } = process
  if (environment['ENTREPOT_RUN_AS'] !== 'owner' || getuid?.() !== 0) return undefined
  if (root === undefined) return 'runs as root: a store in memory has no owner'
  const owner = findOwner(root)
  if (owner === undefined || owner.uid === 0)
    return `runs as root, like the folder ${owner?.folder ?? root}; for a user of less power: chown -R 1000:1000 ${root}, and start again`
  try {
    // Groups that the container was given on purpose stay; root's own goes.
    setgroups?.([...(getgroups?.() ?? []).filter((group) => group !== 0), owner.gid])
    setgid?.(owner.gid)
    setuid?.(owner.uid)
  } catch (error) {
    return `the folder ${owner.folder} belongs to user ${owner.uid}, and this container may not change its user (${errorCode(error)}): it stays root; start it with --user ${owner.uid}:${owner.gid}`
  }
  return `runs as user ${owner.uid}, like the folder ${owner.folder}`
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
