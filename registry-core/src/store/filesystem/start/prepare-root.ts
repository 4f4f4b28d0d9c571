import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { getuid } from 'node:process'
import { errorCode } from '../../fs.js'

/**
 * Makes the folder of a store where there is none. Not when the configuration names an id: then there was a store, and
 * a missing folder is a disk that is not mounted. @throws with a sentence, when the folder cannot be used
 */
export function prepareRoot(root: string, expectedId: string | undefined): void {
  try {
    if (expectedId === undefined) mkdirSync(root, { recursive: true })
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    // A store on a disk that was mounted read-only after an error still serves what it has.
    if (errorCode(error) === 'EROFS' && existsSync(root)) return
    throw new Error(whyUnusable(root, errorCode(error) ?? 'unknown error'), { cause: error })
  }
}

function whyUnusable(root: string, code: string): string {
  switch (code) {
    case 'ENOENT':
      return `the folder ${root} does not exist: is the disk mounted?`
    case 'EACCES': {
      const owner = statSync(root, { throwIfNoEntry: false })?.uid
      const user = getuid?.()
      return `the folder ${root} belongs to user ${owner}, this process is user ${user}; type: chown -R ${user} ${root}`
    }
    case 'EROFS':
      return `the folder ${root} lies on a file system that is mounted read-only`
    default:
      return `the folder ${root} cannot be used: ${code}`
  }
}
