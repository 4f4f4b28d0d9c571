import path from 'node:path'

import type { EntryKind, FileStat, FolderEntry } from '#core/store/fs.js'

import type { Chance } from './seeded-chance.js'
import * as contents from './simulated-content.js'
import { EntryJournal, type SurvivalMode } from './simulated-entries.js'
import { checkReplace, type FileNode, type Node, partsOf, systemError } from './simulated-node.js'

interface Place {
  readonly parent: number
  readonly name: string
  /** What bears the name now, if anything. */
  readonly inode: number | undefined
}

const ROOT = 1

/** A name on the disk and what bears it. */
export interface FoundName {
  readonly path: string
  readonly kind: EntryKind
  readonly inode: number
}

/**
 * A disk with its page cache, shared by any number of simulated processes. What happens to it is immediate and
 * synchronous; who calls when is decided above it.
 */
export class SimulatedDisk {
  readonly #now: () => Date
  readonly #nodes: Map<number, Node>
  readonly #journal: EntryJournal
  #lastInode: number
  /** Grows with everything that changes the disk, or what a power cut would leave of it. */
  version = 0

  constructor(
    now: () => Date,
    nodes: ReadonlyMap<number, Node> = new Map([
      [ROOT, { kind: 'directory', entries: new Map(), mtimeMs: 0 }],
    ]),
    journal: EntryJournal = new EntryJournal(),
    lastInode = ROOT,
  ) {
    this.#now = now
    this.#nodes = new Map(nodes)
    this.#journal = journal
    this.#lastInode = lastInode
  }

  /** The same disk once more, page cache included: what a process that is killed now leaves behind. */
  clone(): SimulatedDisk {
    return new SimulatedDisk(this.#now, this.#nodes, this.#journal.clone(), this.#lastInode)
  }

  /** The same disk on another machine, whose clock sets the times from now on. */
  withTime(now: () => Date): SimulatedDisk {
    return new SimulatedDisk(now, this.#nodes, this.#journal.clone(), this.#lastInode)
  }

  /** A disk as it may be found after a power cut now. */
  afterPowerCut(mode: SurvivalMode, chance: Chance): SimulatedDisk {
    const entries = this.#journal.afterPowerCut(mode, chance)
    const nodes = new Map<number, Node>()
    const rest = [ROOT]
    for (let inode = rest.pop(); inode !== undefined; inode = rest.pop()) {
      if (nodes.has(inode)) continue
      const names = entries.get(inode) ?? new Map<string, number>()
      nodes.set(inode, this.#survivor(inode, names, chance))
      rest.push(...names.values())
    }
    const durable = new Map([...entries].filter(([inode]) => nodes.has(inode)))
    return new SimulatedDisk(this.#now, nodes, new EntryJournal(durable), this.#lastInode)
  }

  #survivor(inode: number, entries: ReadonlyMap<string, number>, chance: Chance): Node {
    const node = this.#node(inode)
    if (node.kind === 'directory') return { ...node, entries }
    if (node.kind === 'other') return node
    const bytes = contents.afterPowerCut(node.content, chance)
    const mtimeMs = chance.happens(0.5) ? node.mtimeMs : node.diskMtimeMs
    const content = { live: bytes, writeback: bytes, between: [], disk: bytes }
    return { kind: 'file', content, mtimeMs, diskMtimeMs: mtimeMs }
  }

  stat(target: string): FileStat | undefined {
    const inode = this.find(target)
    return inode === undefined ? undefined : this.statInode(inode)
  }

  statInode(inode: number): FileStat {
    const node = this.#node(inode)
    const sizeBytes = node.kind === 'file' ? node.content.live.length : 0
    return { kind: node.kind, sizeBytes, mtimeMs: node.mtimeMs, inode, device: 1 }
  }

  /** The inode of a path; undefined when absent. */
  find(target: string): number | undefined {
    let inode: number | undefined = ROOT
    for (const part of partsOf(target)) {
      const node: Node | undefined = inode === undefined ? undefined : this.#nodes.get(inode)
      if (node?.kind !== 'directory') return undefined
      inode = node.entries.get(part)
    }
    return inode
  }

  createFile(target: string): number {
    const place = this.#place(target, 'open')
    if (place.inode !== undefined) throw systemError('EEXIST', 'open', target)
    const inode = this.#add({
      kind: 'file',
      content: contents.EMPTY,
      mtimeMs: this.#now().getTime(),
      diskMtimeMs: this.#now().getTime(),
    })
    this.#set([{ ...place, inode }])
    return inode
  }

  /** Puts something there that is neither file nor directory, as an attacker would. */
  plant(target: string): void {
    this.#set([{ ...this.#place(target, 'mknod'), inode: this.#add({ kind: 'other', mtimeMs: 0 }) }])
  }

  makeDirectory(target: string): boolean {
    const place = this.#place(target, 'mkdir')
    if (place.inode !== undefined) return false
    const inode = this.#add({ kind: 'directory', entries: new Map(), mtimeMs: this.#now().getTime() })
    this.#set([{ ...place, inode }])
    return true
  }

  rename(from: string, to: string): void {
    const source = this.#place(from, 'rename')
    if (source.inode === undefined) throw systemError('ENOENT', 'rename', from)
    const goal = this.#place(to, 'rename')
    if (source.inode === goal.inode) return // two names of one file: POSIX does nothing, both stay
    if (goal.inode !== undefined) checkReplace(this.#node(source.inode), this.#node(goal.inode), to)
    if (`${to}/`.startsWith(`${from}/`)) throw systemError('EINVAL', 'rename', to)
    this.#set([
      { ...source, inode: undefined },
      { ...goal, inode: source.inode },
    ])
  }

  link(from: string, to: string): 'linked' | 'exists' {
    const source = this.#place(from, 'link')
    if (source.inode === undefined) throw systemError('ENOENT', 'link', from)
    const goal = this.#place(to, 'link')
    if (goal.inode !== undefined) return 'exists'
    if (this.#node(source.inode).kind === 'directory') throw systemError('EPERM', 'link', from)
    this.#set([{ ...goal, inode: source.inode }])
    return 'linked'
  }

  unlink(target: string): boolean {
    const inode = this.find(target)
    if (inode === undefined) return false
    if (this.#node(inode).kind === 'directory') throw systemError('EISDIR', 'unlink', target)
    this.#set([{ ...this.#place(target, 'unlink'), inode: undefined }])
    return true
  }

  removeDirectory(target: string): 'removed' | 'not-empty' | 'absent' {
    const inode = this.find(target)
    const node = inode === undefined ? undefined : this.#node(inode)
    if (node?.kind !== 'directory') return 'absent'
    if (node.entries.size > 0) return 'not-empty'
    this.#set([{ ...this.#place(target, 'rmdir'), inode: undefined }])
    return 'removed'
  }

  list(target: string): readonly FolderEntry[] | undefined {
    const inode = this.find(target)
    const node = inode === undefined ? undefined : this.#node(inode)
    if (node?.kind !== 'directory') return undefined
    return [...node.entries].map(([name, child]) => ({ name, kind: this.#node(child).kind }))
  }

  touch(target: string, time: Date): boolean {
    const inode = this.find(target)
    if (inode === undefined) return false
    this.#change(inode, { ...this.#node(inode), mtimeMs: time.getTime() })
    return true
  }

  syncDirectory(target: string): void {
    const inode = this.find(target)
    if (inode === undefined) throw systemError('ENOENT', 'open', target)
    if (this.#node(inode).kind !== 'directory') throw systemError('ENOTDIR', 'open', target)
    this.#journal.sync(inode)
    this.version += 1
  }

  /** What reads of a file show. */
  bytesOf(inode: number): Buffer {
    return this.#file(inode).content.live
  }

  write(inode: number, bytes: Uint8Array, position: number): void {
    const content = contents.written(this.#file(inode).content, bytes, position)
    this.#change(inode, { ...this.#file(inode), content, mtimeMs: this.#now().getTime() })
  }

  truncate(inode: number, sizeBytes: number): void {
    const content = contents.truncated(this.#file(inode).content, sizeBytes)
    this.#change(inode, { ...this.#file(inode), content, mtimeMs: this.#now().getTime() })
  }

  syncFile(inode: number): void {
    const file = this.#file(inode)
    this.#change(inode, { ...file, content: contents.synced(file.content), diskMtimeMs: file.mtimeMs })
  }

  /** An fsync that failed: the dirty pages will never reach the disk. */
  failSync(inode: number): void {
    const file = this.#file(inode)
    this.#change(inode, { ...file, content: contents.syncFailed(file.content) })
  }

  /** Every name below a folder with what it is, parents first; nothing when it is absent. */
  walk(target = '/'): readonly FoundName[] {
    const inode = this.find(target)
    const found: FoundName[] = []
    if (inode !== undefined) this.#walk(inode, target, found)
    return found
  }

  #walk(inode: number, target: string, found: FoundName[]): void {
    const node = this.#node(inode)
    found.push({ path: target, kind: node.kind, inode })
    if (node.kind !== 'directory') return
    const prefix = target.endsWith('/') ? target : `${target}/`
    for (const [name, child] of node.entries) this.#walk(child, prefix + name, found)
  }

  /** What all files hold together, also those whose last name has gone. */
  usedBytes(): number {
    let sum = 0
    for (const node of this.#nodes.values()) if (node.kind === 'file') sum += node.content.live.length
    return sum
  }

  #place(target: string, call: string): Place {
    const parent = this.find(path.posix.dirname(target))
    const name = path.posix.basename(target)
    if (parent === undefined)
      throw systemError(this.#isBelowFile(target) ? 'ENOTDIR' : 'ENOENT', call, target)
    const node = this.#node(parent)
    if (node.kind !== 'directory') throw systemError('ENOTDIR', call, target)
    return { parent, name, inode: node.entries.get(name) }
  }

  #isBelowFile(target: string): boolean {
    const parent = path.posix.dirname(target)
    const inode = this.find(parent)
    if (inode !== undefined) return this.#node(inode).kind !== 'directory'
    return parent !== target && this.#isBelowFile(parent)
  }

  #set(places: readonly Place[]): void {
    for (const { parent, name, inode } of places) {
      const node = this.#node(parent)
      if (node.kind !== 'directory') throw new Error(`inode ${parent} is no directory`)
      const entries = new Map(node.entries)
      if (inode === undefined) entries.delete(name)
      else entries.set(name, inode)
      this.#nodes.set(parent, { ...node, entries, mtimeMs: this.#now().getTime() })
    }
    this.version += 1
    this.#journal.record(...places.map(({ parent, name, inode }) => ({ directory: parent, name, inode })))
  }

  #change(inode: number, node: Node): void {
    this.#nodes.set(inode, node)
    this.version += 1
  }

  #add(node: Node): number {
    this.#lastInode += 1
    this.#nodes.set(this.#lastInode, node)
    return this.#lastInode
  }

  #node(inode: number): Node {
    const node = this.#nodes.get(inode)
    if (node === undefined) throw new Error(`no inode ${inode}`)
    return node
  }

  #file(inode: number): FileNode {
    const node = this.#node(inode)
    if (node.kind !== 'file') throw new Error(`inode ${inode} is no file`)
    return node
  }
}
