import type { FileStat, OpenFile } from '#core/store/fs.js'

import type { SimulatedDisk } from './simulated-disk.js'
import type { Call, FaultCode } from './simulated-faults.js'
import { systemError } from './simulated-node.js'

/** Makes one call of an open file: counted, in its turn, and failing when a fault says so (`broken` is what then happens). */
export type FileCall = <T>(
  name: keyof OpenFile,
  effect: (call: Call) => T,
  broken?: (code: FaultCode) => void,
) => Promise<T>

export type FileAccess = 'read' | 'write' | 'append'

/** What an open file needs of the process that opened it. */
interface Owner {
  readonly disk: SimulatedDisk
  readonly beforeEffect: (call: Call) => void
  readonly forgetsSync: (call: Call) => boolean
  bytesRead: number
  openFiles: number
}

/** An open file of a simulated process. */
export class SimulatedFile implements OpenFile {
  readonly #process: Owner
  readonly #call: FileCall
  readonly #inode: number
  readonly #path: string
  readonly #access: FileAccess
  #isOpen = true

  constructor(
    process: Owner,
    call: FileCall,
    file: { readonly inode: number; readonly path: string; readonly access: FileAccess },
  ) {
    this.#process = process
    this.#call = call
    this.#inode = file.inode
    this.#path = file.path
    this.#access = file.access
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#call('read', () => {
      this.#checkOpen('read')
      if (this.#access === 'append') throw systemError('EBADF', 'read', this.#path)
      const bytes = this.#process.disk.bytesOf(this.#inode).subarray(position, position + buffer.length)
      buffer.set(bytes)
      this.#process.bytesRead += bytes.length
      return bytes.length
    })
  }

  /** A write that fails leaves half of its bytes behind, as one into a full disk does. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const bytes = Buffer.concat(buffers)
    const half = Math.floor(bytes.length / 2)
    return this.#call(
      'write',
      () => {
        this.#checkOpen('write')
        if (this.#access === 'read') throw systemError('EBADF', 'write', this.#path)
        const at = this.#put(bytes.subarray(0, half), position)
        if (half > 0) this.#process.beforeEffect({ number: 0, name: 'write', path: this.#path })
        this.#put(bytes.subarray(half), at)
      },
      () => this.#put(bytes.subarray(0, half), position),
    )
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#call('truncate', () => {
      this.#checkOpen('ftruncate')
      this.#process.disk.truncate(this.#inode, sizeBytes)
    })
  }

  sync(): Promise<void> {
    const { disk } = this.#process
    return this.#call(
      'sync',
      (call) => {
        this.#checkOpen('fsync')
        if (!this.#process.forgetsSync(call)) disk.syncFile(this.#inode)
      },
      () => disk.failSync(this.#inode),
    )
  }

  stat(): Promise<FileStat> {
    return this.#call('stat', () => {
      this.#checkOpen('fstat')
      return this.#process.disk.statInode(this.#inode)
    })
  }

  close(): Promise<void> {
    return this.#call(
      'close',
      () => this.#release(),
      () => this.#release(),
    )
  }

  #put(bytes: Uint8Array, position: number): number {
    const { disk } = this.#process
    const at = this.#access === 'append' ? disk.bytesOf(this.#inode).length : position
    if (bytes.length > 0) disk.write(this.#inode, bytes, at)
    return at + bytes.length
  }

  #release(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#process.openFiles -= 1
  }

  #checkOpen(call: string): void {
    if (!this.#isOpen) throw systemError('EBADF', call, this.#path)
  }
}
