import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { runToEnd } from '../support/processes.js'

/** A file system of its own, small enough to fill; unmounted and removed when it is disposed of. */
export interface Volume extends AsyncDisposable {
  /** Where it is mounted. */
  readonly root: string
  remount(options: string): Promise<void>
}

/** One that can lose its power. */
export interface LoopVolume extends Volume {
  /** From here on nothing reaches the disk: what was written but not synced is gone at the next mount. */
  cutPower(): Promise<void>
  /** Mounts it again, after the file system's own recovery. */
  powerUp(): Promise<void>
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr}`)
}

/** A loop device over a sparse file, with the file system on it. */
export async function loopVolume(
  kind: 'ext4' | 'xfs',
  { mebibytes = 320, format = [] }: { mebibytes?: number; format?: readonly string[] } = {},
): Promise<LoopVolume> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  let image = path.join(folder, 'image')
  const root = path.join(folder, 'mounted')
  mkdirSync(root)
  writeFileSync(image, '')
  truncateSync(image, mebibytes * 1024 * 1024)
  await run(`mkfs.${kind}`, '-q', ...format, image)
  // The copy below has the same identity as what it was copied from, which may still be mounted somewhere.
  const options = kind === 'xfs' ? 'loop,nouuid' : 'loop'
  const mount = (): Promise<void> => run('mount', '-o', options, image, root)
  await mount()
  return {
    root,
    remount: (options) => run('mount', '-o', `remount,${options}`, root),
    async cutPower() {
      await run('xfs_io', '-x', '-c', 'shutdown', root)
    },
    async powerUp() {
      // A copy of what reached the disk: any process in a mount namespace of its own (a container that was started
      // meanwhile) keeps the old file system alive, and with it the device.
      const before = image
      image = path.join(folder, `image-${randomUUID()}`)
      await run('cp', '--sparse=always', before, image)
      await run('umount', root)
      rmSync(before)
      await mount()
    },
    async [Symbol.asyncDispose]() {
      await run('umount', root)
      rmSync(folder, { recursive: true })
    },
  }
}

/** A file system in memory with so much room, as mount(8) has it: `size=8m`, `nr_inodes=900`. */
export async function memoryVolume(options: string): Promise<Volume> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  await run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder)
  return {
    root: folder,
    remount: (further) => run('mount', '-o', `remount,${further}`, folder),
    async [Symbol.asyncDispose]() {
      await run('umount', folder)
      rmSync(folder, { recursive: true })
    },
  }
}
