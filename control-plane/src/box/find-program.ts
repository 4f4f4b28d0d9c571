import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/** Administrators' programs, which are not in the PATH of plain users. */
const SYSTEM_FOLDERS = '/usr/local/sbin:/usr/sbin:/sbin'
/** Where programs are looked for: PATH, and these. */
export const SEARCH_PATH = `${process.env['PATH'] ?? ''}:${SYSTEM_FOLDERS}`

/** The absolute path of a program; `undefined` when this machine has none. */
export function findProgram(name: string, searchPath = SEARCH_PATH): string | undefined {
  const folders = searchPath.split(':').filter((folder) => path.isAbsolute(folder))
  return folders.map((folder) => path.join(folder, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
