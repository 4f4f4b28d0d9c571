import type { FileContent } from './simulated-content.js'

/** A file: its bytes, and what a power cut makes of them. */
export interface FileNode {
  readonly kind: 'file'
  readonly content: FileContent
  readonly mtimeMs: number
  readonly diskMtimeMs: number
}

/** A directory as the page cache shows it. */
export interface DirectoryNode {
  readonly kind: 'directory'
  readonly entries: ReadonlyMap<string, number>
  readonly mtimeMs: number
}

/** A symbolic link, FIFO or socket that somebody planted. */
export interface OtherNode {
  readonly kind: 'other'
  readonly mtimeMs: number
}

/** An inode. Never changed: each call makes another one. */
export type Node = FileNode | DirectoryNode | OtherNode

/** An error as the kernel's calls throw it. */
export function systemError(code: string, call: string, target: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${target}'`), { code })
}

/** What rename(2) says before it replaces something. */
export function checkReplace(source: Node, goal: Node, to: string): void {
  if (source.kind === 'directory') {
    if (goal.kind !== 'directory') throw systemError('ENOTDIR', 'rename', to)
    if (goal.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to)
  } else if (goal.kind === 'directory') throw systemError('EISDIR', 'rename', to)
}

/** The same few thousand paths are looked up again and again. */
const parts = new Map<string, readonly string[]>()

/** The names that a path is made of. */
export function partsOf(target: string): readonly string[] {
  const known = parts.get(target)
  if (known !== undefined) return known
  if (parts.size > 20_000) parts.clear()
  const split = target.split('/').filter((part) => part !== '')
  parts.set(target, split)
  return split
}
