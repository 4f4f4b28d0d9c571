import type { Fs, OpenFile } from '#core/store/fs.js'

/** A call of the file system by its name in `Fs` or `OpenFile`. */
export type CallName = keyof Fs | keyof OpenFile

/** One system call as a simulated process made it. */
export interface Call {
  /** 1 for the first call of its process. */
  readonly number: number
  readonly name: CallName
  readonly path: string
  /** Where to, of a rename or link. */
  readonly to?: string
}

/** What a system call may fail with here. */
export type FaultCode = 'EIO' | 'ENOSPC' | 'EROFS' | 'EMFILE'

export const FAULT_CODES: readonly FaultCode[] = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE']

/** Which calls fail, and how often. */
export interface Fault {
  readonly code: FaultCode
  /** Only calls that this fits (all, when left out). */
  readonly fits?: (call: Call) => boolean
  /** Fails this many fitting calls and then no more (for ever, when left out). */
  readonly times?: number
}

const OPENS: ReadonlySet<CallName> = new Set([
  'createNow',
  'readNow',
  'openToRead',
  'openToWrite',
  'openToAppend',
  'create',
  'list',
  'syncDirectory',
] as const)

const GROWS: ReadonlySet<CallName> = new Set([
  'createNow',
  'renameNow',
  'create',
  'openToAppend',
  'makeDirectory',
  'rename',
  'link',
  'write',
  'sync',
  'syncDirectory',
] as const)

const CHANGES: ReadonlySet<CallName> = new Set([
  'createNow',
  'renameNow',
  'unlinkNow',
  'touchNow',
  'create',
  'openToWrite',
  'openToAppend',
  'makeDirectory',
  'rename',
  'link',
  'unlink',
  'removeDirectory',
  'write',
  'truncate',
] as const)

/** Whether a kernel can answer this call so: a read never meets a full disk. */
export function canFail(name: CallName, code: FaultCode): boolean {
  if (code === 'EMFILE') return OPENS.has(name)
  if (code === 'ENOSPC') return GROWS.has(name)
  if (code === 'EROFS') return CHANGES.has(name)
  return true
}

/** Calls that find their name taken say so before they notice a full or read-only disk (Linux, fs/namei.c). */
export function finds(name: CallName, code: FaultCode): boolean {
  const makes = name === 'create' || name === 'createNow' || name === 'makeDirectory' || name === 'link'
  return makes && (code === 'ENOSPC' || code === 'EROFS')
}

/** The faults that a process has been given. */
export class FaultPlan {
  #faults: readonly (Fault & { readonly left: number })[] = []

  add(fault: Fault): void {
    this.#faults = [...this.#faults, { ...fault, left: fault.times ?? Number.POSITIVE_INFINITY }]
  }

  clear(): void {
    this.#faults = []
  }

  /** The code this call fails with, if it does. `isTaken` says that the name it would make is there. */
  next(call: Call, isTaken: boolean): FaultCode | undefined {
    const index = this.#faults.findIndex(
      ({ code, fits, left }) =>
        left > 0 &&
        canFail(call.name, code) &&
        !(isTaken && finds(call.name, code)) &&
        (fits?.(call) ?? true),
    )
    const fault = this.#faults[index]
    if (fault === undefined) return undefined
    this.#faults = this.#faults.with(index, { ...fault, left: fault.left - 1 })
    return fault.code
  }
}
