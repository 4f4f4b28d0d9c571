import { statfs } from 'node:fs/promises'

const MIB = 1024 * 1024
/** PostgreSQL makes files of 16 MiB: with less than a few of them it may stop any moment. */
const LITTLE_MIB = 64

/** How much room there is, as a sentence; undefined where there is enough, or nobody can say. */
export async function sayOfFullDisk(folder: string): Promise<string | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    const free = Math.floor((bavail * bsize) / MIB)
    return free < LITTLE_MIB ? `${free} MiB are free on the disk of ${folder}` : undefined
  } catch {
    return undefined
  }
}
