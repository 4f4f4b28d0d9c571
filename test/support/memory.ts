import { readFileSync, writeFileSync } from 'node:fs'

const MIB = 1024 * 1024

/** What a process holds resident, in MiB, by the kernel's own account: now, and at most since `watchMemory` began. */
export interface MemoryWatch {
  readonly beforeMiB: number
  peakMiB(): number
}

/** Sets the kernel's mark of the largest resident size back, so that it tells of what follows: no sample is missed. */
export function watchMemory(pid: number): MemoryWatch {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const beforeMiB = statusMiB(pid, 'VmRSS')
  return { beforeMiB, peakMiB: () => statusMiB(pid, 'VmHWM') }
}

export function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

function statusMiB(pid: number, key: string): number {
  const kib = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (kib === undefined) throw new Error(`no ${key} of process ${pid}`)
  return (Number(kib) * 1024) / MIB
}
