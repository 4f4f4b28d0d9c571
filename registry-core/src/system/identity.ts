import { readFileSync, readlinkSync } from 'node:fs'
import { uptime } from 'node:os'
import type { Clock } from './clock.js'
import type { Random } from './random.js'

/** Who writes: names in files that several processes share. */
export interface Identity {
  /** This process, never used again: its number and eight random hex digits. */
  readonly process: string
  /** This boot of the kernel. */
  readonly boot: string
  /** The kernel's name for the numbers of processes that we see: a container has its own. */
  readonly pidNamespace: string
  /** UTC, uptime, boot and chance: a new one for each call, never shared, never reused (gc-protocol §2). */
  newRunId(): string
}

/** The identity of the running process; the kernel's boot id, or `unknown` where there is none. */
export function openIdentity({ clock, random }: { clock: Clock; random: Random }): Identity {
  const boot = readBootId()
  return {
    process: `${process.pid}-${random.hex(4)}`,
    boot,
    pidNamespace: readPidNamespace(),
    newRunId() {
      const utc = clock.now().toISOString().replaceAll(/[-:]/g, '').replace('.', '')
      return `${utc}-${Math.floor(uptime())}-${boot.slice(0, 8)}-${random.hex(6)}`
    },
  }
}

/** The number that the kernel knows a process by, out of its name. */
export function pidOf(process: string): string {
  return process.split('-', 1).join('')
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

function readPidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return 'unknown'
  }
}
