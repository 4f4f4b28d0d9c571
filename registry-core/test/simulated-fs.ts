import type { DiskSpace, FileStat, FolderEntry, Fs, OpenFile } from '#core/store/fs.js'

import type { SimulatedDisk } from './simulated-disk.js'
import { type Call, type CallName, type Fault, type FaultCode, FaultPlan } from './simulated-faults.js'
import { type FileAccess, type FileCall, SimulatedFile } from './simulated-file.js'
import { systemError } from './simulated-node.js'

/** Who decides when a call happens: the explorer of interleavings. */
export interface Scheduling {
  /** Lets the call take effect, now or later, by calling `act`. */
  schedule(call: Call, process: SimulatedFs, act: () => void): void
  /** Before a synchronous call, which cannot wait: calls of other processes may be let through first. */
  passing(call: Call, process: SimulatedFs): void
}

const AT_ONCE: Scheduling = { schedule: (_call, _process, act) => act(), passing: () => undefined }

/** Thrown by a synchronous call of a process that is dead: nothing it does afterwards has an effect. */
export class Crash extends Error {
  readonly code = 'CRASH'
}

/**
 * One process's view of a simulated disk: its own open files, faults and log of calls. Once dead, its asynchronous
 * calls never return and its synchronous ones throw `Crash`.
 */
export class SimulatedFs implements Fs {
  readonly disk: SimulatedDisk
  /** Decides when asynchronous calls take effect: at once, as it is. */
  scheduling: Scheduling = AT_ONCE
  /** Every call so far. */
  readonly calls: Call[] = []
  /** Called when a call is made, before anything else: a fault that is added now hits it. */
  beforeCall: (call: Call) => void = () => undefined
  /** Called before each call takes effect, and once more halfway through a larger write. */
  beforeEffect: (call: Call) => void = () => undefined
  /** Syncs that this fits answer success and do nothing: a store that forgets them, a disk that lies. */
  forgetsSync: (call: Call) => boolean = () => false
  /** Bytes that read calls have answered so far. */
  bytesRead = 0
  /** How many files are open. */
  openFiles = 0
  /** Resolves when the process dies. */
  readonly died: Promise<void>

  readonly #faults = new FaultPlan()
  readonly #totalBytes: number
  #crashNumber = Number.POSITIVE_INFINITY
  #isDead = false
  #die: () => void = () => undefined

  constructor(disk: SimulatedDisk, { totalBytes = 2 ** 40 }: { totalBytes?: number } = {}) {
    this.disk = disk
    this.#totalBytes = totalBytes
    this.died = new Promise((resolve) => {
      this.#die = resolve
    })
  }

  /** Lets calls fail from now on. */
  fail(fault: Fault): void {
    this.#faults.add(fault)
  }

  /** No call fails any more. */
  heal(): void {
    this.#faults.clear()
  }

  /** The process dies at its n-th call (1 is its first one), before the call has an effect. */
  crashAt(number: number): void {
    this.#crashNumber = number
  }

  /** The process dies now (kill -9); the page cache stays with the disk. */
  kill(): void {
    this.#isDead = true
    this.#die()
  }

  statNow(path: string): FileStat | undefined {
    return this.#now('statNow', path, () => this.disk.stat(path))
  }

  readNow(path: string, limitBytes: number): Buffer | undefined {
    return this.#now('readNow', path, () => {
      const stat = this.disk.stat(path)
      if (stat === undefined) return undefined
      if (stat.kind !== 'file') throw systemError('EINVAL', 'open', path)
      if (stat.sizeBytes > limitBytes) throw systemError('EFBIG', 'read', path)
      this.bytesRead += stat.sizeBytes
      return Buffer.from(this.disk.bytesOf(stat.inode))
    })
  }

  touchNow(path: string, time: Date): boolean {
    return this.#now('touchNow', path, () => this.disk.touch(path, time))
  }

  /** One that meets a full or broken disk leaves half of its bytes behind. */
  createNow(path: string, bytes: Uint8Array): boolean {
    const half = bytes.subarray(0, Math.floor(bytes.length / 2))
    return this.#now(
      'createNow',
      path,
      () => {
        if (this.disk.stat(path) !== undefined) return false
        const inode = this.#createWith(path, half)
        if (bytes.length === 0) return true
        this.beforeEffect({ number: 0, name: 'createNow', path })
        this.disk.write(inode, bytes.subarray(half.length), half.length)
        return true
      },
      (code) => {
        const isCreated = bytes.length > 0 && (code === 'ENOSPC' || code === 'EIO')
        if (isCreated && this.disk.stat(path) === undefined) this.#createWith(path, half)
      },
    )
  }

  #createWith(path: string, bytes: Uint8Array): number {
    const inode = this.disk.createFile(path)
    if (bytes.length > 0) this.disk.write(inode, bytes, 0)
    return inode
  }

  renameNow(path: string, to: string): void {
    this.#now('renameNow', path, () => this.disk.rename(path, to))
  }

  unlinkNow(path: string): boolean {
    return this.#now('unlinkNow', path, () => this.disk.unlink(path))
  }

  openToRead(path: string): Promise<OpenFile | undefined> {
    return this.#call({ name: 'openToRead', path }, () => this.#openExisting(path, 'read'))
  }

  create(path: string): Promise<OpenFile> {
    return this.#call({ name: 'create', path }, () => this.#opened(this.disk.createFile(path), path, 'write'))
  }

  openToWrite(path: string): Promise<OpenFile | undefined> {
    return this.#call({ name: 'openToWrite', path }, () => {
      if (this.disk.stat(path)?.kind === 'directory') throw systemError('EISDIR', 'open', path)
      return this.#openExisting(path, 'write')
    })
  }

  openToAppend(path: string): Promise<OpenFile> {
    return this.#call({ name: 'openToAppend', path }, () => {
      const stat = this.disk.stat(path)
      if (stat?.kind === 'directory') throw systemError('EISDIR', 'open', path)
      if (stat?.kind === 'other') throw systemError('ELOOP', 'open', path)
      return this.#opened(stat?.inode ?? this.disk.createFile(path), path, 'append')
    })
  }

  makeDirectory(path: string): Promise<boolean> {
    return this.#call({ name: 'makeDirectory', path }, () => this.disk.makeDirectory(path))
  }

  rename(path: string, to: string): Promise<void> {
    return this.#call({ name: 'rename', path, to }, () => this.disk.rename(path, to))
  }

  link(path: string, to: string): Promise<'linked' | 'exists'> {
    return this.#call({ name: 'link', path, to }, () => this.disk.link(path, to))
  }

  unlink(path: string): Promise<boolean> {
    return this.#call({ name: 'unlink', path }, () => this.disk.unlink(path))
  }

  removeDirectory(path: string): Promise<'removed' | 'not-empty' | 'absent'> {
    return this.#call({ name: 'removeDirectory', path }, () => this.disk.removeDirectory(path))
  }

  list(path: string): Promise<readonly FolderEntry[] | undefined> {
    return this.#call({ name: 'list', path }, () => this.disk.list(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.#call({ name: 'syncDirectory', path }, (call) => {
      if (!this.forgetsSync(call)) this.disk.syncDirectory(path)
    })
  }

  space(path: string): Promise<DiskSpace> {
    return this.#call({ name: 'space', path }, () => {
      const freeBytes = this.#totalBytes - this.disk.usedBytes()
      return { totalBytes: this.#totalBytes, freeBytes, totalInodes: 2 ** 30, freeInodes: 2 ** 29 }
    })
  }

  #openExisting(path: string, access: FileAccess): OpenFile | undefined {
    const stat = this.disk.stat(path)
    if (stat === undefined) return undefined
    if (stat.kind !== 'file') throw systemError('EINVAL', 'open', path)
    return this.#opened(stat.inode, path, access)
  }

  #opened(inode: number, path: string, access: FileAccess): OpenFile {
    this.openFiles += 1
    const call: FileCall = (name, effect, broken) => this.#call({ name, path }, effect, broken)
    return new SimulatedFile(this, call, { inode, path, access })
  }

  #call<T>(
    call: Omit<Call, 'number'>,
    effect: (call: Call) => T,
    broken?: (code: FaultCode) => void,
  ): Promise<T> {
    const numbered = this.#begin(call)
    return new Promise((resolve, reject) => {
      if (numbered === undefined) return // of a dead process no call returns
      this.scheduling.schedule(numbered, this, () => {
        if (this.#isDead) return
        try {
          resolve(this.#take(numbered, effect, broken))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #now<T>(name: CallName, path: string, effect: () => T, broken?: (code: FaultCode) => void): T {
    const call = this.#begin({ name, path })
    if (call === undefined) throw new Crash('the process is dead')
    this.scheduling.passing(call, this)
    return this.#take(call, effect, broken)
  }

  #begin(call: Omit<Call, 'number'>): Call | undefined {
    if (this.calls.length + 1 >= this.#crashNumber) this.kill()
    if (this.#isDead) return undefined
    const numbered = { ...call, number: this.calls.length + 1 }
    this.calls.push(numbered)
    return numbered
  }

  #take<T>(call: Call, effect: (call: Call) => T, broken?: (code: FaultCode) => void): T {
    this.beforeCall(call)
    this.beforeEffect(call)
    const code = this.#faults.next(call, this.disk.find(call.to ?? call.path) !== undefined)
    if (code === undefined) return effect(call)
    broken?.(code)
    throw systemError(code, call.name, call.path)
  }
}
