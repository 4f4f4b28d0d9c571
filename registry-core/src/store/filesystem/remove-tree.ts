import type { Fs } from '../fs.js'

/** Removes a folder of ours and all below it; what a crash has left there may lie deeper than what is made there. */
export async function removeTree(fs: Fs, folder: string): Promise<void> {
  for (const { name, kind } of (await fs.list(folder)) ?? []) {
    const path = `${folder}/${name}`
    if (kind === 'directory') await removeTree(fs, path)
    else await fs.unlink(path)
  }
  await fs.removeDirectory(folder)
}
