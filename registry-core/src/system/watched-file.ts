import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import type { Clock } from './clock.js'

/** A small text file of the operator's, which may be replaced at any time; links are followed (mounted secrets are some). */
export interface WatchedFile {
  readonly path: string
  /** What it holds now, the same object as long as it is unchanged; `text` is undefined when it cannot be read. */
  current(): FileVersion
}

export interface FileVersion {
  readonly text: string | undefined
  /** Why it cannot be read: the system's error code, `EFBIG`, or `no file` for a pipe and the like. */
  readonly fault: string | undefined
}

/** A file that was changed so short a time ago may change again within the same tick of the file system's clock. */
const SETTLED_AFTER_MS = 100

/** Looks at the file each time it is asked: one stat, and it is read when that says something new. */
export function watchFile(path: string, limitBytes: number, clock: Clock): WatchedFile {
  let seen = ''
  let version: FileVersion | undefined
  return {
    path,
    current() {
      const state = stateOf(path, clock)
      if (version !== undefined && state.isSettled && state.text === seen) return version
      const next = read(path, limitBytes)
      if (version === undefined || next.text !== version.text || next.fault !== version.fault) version = next
      seen = state.text
      return version
    },
  }
}

function stateOf(path: string, clock: Clock): { readonly text: string; readonly isSettled: boolean } {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return { text: 'absent', isSettled: true }
    const ageMs = clock.now().getTime() - Math.max(stat.mtimeMs, stat.ctimeMs)
    const text = [stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ')
    return { text, isSettled: ageMs > SETTLED_AFTER_MS }
  } catch (error) {
    return { text: codeOf(error), isSettled: true }
  }
}

/** What is too large is not read at all, and a pipe is not waited for. */
function read(path: string, limitBytes: number): FileVersion {
  try {
    const opened = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stat = fstatSync(opened)
      if (stat.isDirectory()) return { text: undefined, fault: 'EISDIR' }
      if (!stat.isFile()) return { text: undefined, fault: 'no file' }
      if (stat.size > limitBytes) return { text: undefined, fault: 'EFBIG' }
      return { text: readFileSync(opened, 'utf8'), fault: undefined }
    } finally {
      closeSync(opened)
    }
  } catch (error) {
    return { text: undefined, fault: codeOf(error) }
  }
}

function codeOf(error: unknown): string {
  return Error.isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : 'unreadable'
}
