import { open } from 'node:fs/promises'

/** Makes what was created, renamed or removed in a folder outlive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}
