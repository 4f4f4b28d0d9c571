import { readFile } from 'node:fs/promises'

import type { CoreImages } from '../core/core-images.js'
import { createDurably } from '../front/certificates/create-durably.js'
import type { Clock } from '../system/clock.js'
import { errorCode } from '../system/error-code.js'
import type { Random } from '../system/random.js'
import { makeProbeImage, PROBE } from './probe-image.js'

/** Where the image goes, and what remembers that it was put there. */
export interface ProbeOptions {
  readonly images: CoreImages
  /** A file that says that it was put there once: who has removed it since does not want it. */
  readonly mark: string
  readonly clock: Clock
  readonly random: Random
  /** Hears why it is not there. */
  readonly warn: (error: unknown) => void
}

/** registry-core starts when the first configuration is there, so a moment after us. */
const TRIES = 60
const PAUSE_MS = 1000

/**
 * Puts the image that clients prove themselves by into the store, once in the life of a data folder, and over nobody
 * else's. A core that takes nothing for a minute is left alone, with a warning; the next start tries again.
 */
export async function ensureProbe(options: ProbeOptions, signal: AbortSignal): Promise<void> {
  const { mark, clock, warn } = options
  for (let left = TRIES; ; left -= 1) {
    try {
      if (!(await exists(mark))) await putOnce(options)
      return
    } catch (error) {
      if (left <= 1) return warn(error)
      await clock.sleep(PAUSE_MS, signal)
    }
  }
}

async function putOnce({ images, mark, random }: ProbeOptions): Promise<void> {
  const { repository, tag } = PROBE
  if (!(await images.has(repository, tag))) {
    const { blobs, manifests, index } = await makeProbeImage(random.uuid())
    for (const blob of blobs) await images.putBlob(repository, blob)
    for (const manifest of manifests) await images.putManifest(repository, manifest.digest, manifest)
    await images.putManifest(repository, tag, index)
  }
  await createDurably({ file: mark, text: `${repository}:${tag}\n`, mode: 0o644, random })
}

async function exists(file: string): Promise<boolean> {
  try {
    await readFile(file)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
