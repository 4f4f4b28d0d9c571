import { rm } from 'node:fs/promises'
import path from 'node:path'

import type { Random } from '../../../system/random.js'
import { createDurably, makeFolder } from '../create-durably.js'

/** Where an ACME server looks whether a name is ours: `http://NAME/.well-known/acme-challenge/TOKEN`. */
export interface Challenges {
  put(token: string, text: string): Promise<void>
  /** Removing what is not there succeeds. */
  remove(token: string): Promise<void>
}

/** Challenges as files, which nginx serves without asking anybody. */
export async function openChallengeFolder(folder: string, random: Random): Promise<Challenges> {
  await makeFolder(folder, 0o755)
  return {
    async put(token, text) {
      await createDurably({ file: path.join(folder, token), text, mode: 0o644, random })
    },
    async remove(token) {
      await rm(path.join(folder, token), { force: true })
    },
  }
}
