import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { getuid } from 'node:process'
import { errorCode } from '../../fs.js'

/**
 * Makes the folder of a store where there is none. Not when the configuration names an id: then there was a store, and
 * a missing folder is a disk that is not mounted. @throws with a sentence, when the folder cannot be used
 */
export function prepareRoot(root: string, expectedId: string | undefined): void {
  try {
    if (expectedId === undefined) mkdirSync(root, { recursive: true })
    expectUsable(root)
  } catch (error) {
    // A store on a disk that was mounted read-only after an error still serves what it has.
    if (errorCode(error) === 'EROFS' && existsSync(root)) return
    throw new Error(whyUnusable(root, errorCode(error) ?? 'unknown error'), { cause: error })
  }
  for (const name of INNER) {
    const folder = path.join(root, name)
    try {
      if (existsSync(folder)) expectUsable(folder)
    } catch (error) {
      // Whatever else an inner folder is, the store finds it, and heals it where it can.
      if (errorCode(error) === 'EACCES') throw new Error(whyForbidden(folder, root), { cause: error })
    }
  }
}

/** Folders of the store that another user may have made: then each push would fail, hours after a good start. */
const INNER = [
  'docker/registry/v2',
  'docker/registry/v2/blobs',
  'docker/registry/v2/blobs/sha256',
  'docker/registry/v2/repositories',
  'entrepot',
]

function expectUsable(folder: string): void {
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
}

function whyForbidden(folder: string, root: string): string {
  const owner = statSync(folder, { throwIfNoEntry: false })?.uid ?? 'another than this one'
  const user = getuid?.()
  return `the folder ${folder} belongs to user ${owner}, this process is user ${user}; type: chown -R ${user} ${root} (of a container: on the folder that is mounted there)`
}

function whyUnusable(root: string, code: string): string {
  switch (code) {
    case 'ENOENT':
      return `the folder ${root} does not exist: is the disk mounted?`
    case 'EACCES':
      return whyForbidden(root, root)
    case 'EROFS':
      return `the folder ${root} lies on a file system that is mounted read-only`
    default:
      return `the folder ${root} cannot be used: ${code}`
  }
}
