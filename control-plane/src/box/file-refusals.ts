import { existsSync } from 'node:fs'
import path from 'node:path'
import { errorCode } from '../system/error-code.js'
import { StartRefused } from './start-refused.js'

/** What helps; `place` is what the system could not use, in the folder or on the way to it. */
type Cure = (folder: string, place: string) => string

const takeIt: Cure = (folder) =>
  existsSync(folder)
    ? `give the folder to the user who starts it (sudo chown -R "$USER" ${folder})`
    : `make it for the user who starts Entrepot (sudo install -d -o "$USER" ${folder})`
const moveAway: Cure = (_, place) => `move ${place} away`

/** By what the system says (errno(3)). */
const REASONS: Readonly<Record<string, readonly [reason: string, cure: Cure]>> = {
  EACCES: ['permission denied', takeIt],
  EPERM: ['not permitted', takeIt],
  EROFS: ['the file system is read-only', () => 'mount it so that it can be written'],
  ENOTDIR: ['part of the path is a file', moveAway],
  EEXIST: ['part of the path is a file', moveAway],
}

/** A full disk and missing rights as a refusal that names the folder; `undefined` for what is another fault. */
export function findFileRefusal(folder: string, error: unknown): StartRefused | undefined {
  const code = errorCode(error) ?? ''
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new StartRefused('disk-full', { folder }, { cause: error })
  const [reason, cure] = REASONS[code] ?? []
  if (reason === undefined || cure === undefined) return undefined
  const place = Error.isError(error) && 'path' in error ? String(error.path) : folder
  const isSignal = Error.isError(error) && 'syscall' in error && error.syscall === 'kill'
  if (isSignal || !concerns(folder, place)) return undefined
  return new StartRefused(
    'folder-not-writable',
    { folder, reason, cure: cure(folder, place) },
    { cause: error },
  )
}

/** Whether it lies in the folder, or on the way to it: a program elsewhere is mended otherwise. */
function concerns(folder: string, place: string): boolean {
  const [inner, outer] = [path.resolve(place), path.resolve(folder)]
  return `${inner}/`.startsWith(`${outer}/`) || `${outer}/`.startsWith(inner === '/' ? '/' : `${inner}/`)
}

/** Runs what touches files below a folder. @throws StartRefused for a full disk and missing rights */
export async function refusingIn<T>(folder: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw findFileRefusal(folder, error) ?? error
  }
}
