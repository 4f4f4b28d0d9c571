import { open, stat } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'

/** What nginx complains of from now on. */
export interface ErrorLog {
  /** Why it could not do something since then, without times and process numbers; each once. */
  emergencies(): Promise<readonly string[]>
}

/** Watches nginx's error log from its present end. */
export async function watchErrorLog(prefix: string): Promise<ErrorLog> {
  const file = path.join(prefix, 'logs/error.log')
  const start = await sizeOf(file)
  return {
    async emergencies() {
      const size = await sizeOf(file)
      if (size <= start) return []
      await using handle = await open(file, 'r')
      const bytes = Buffer.alloc(Math.min(size - start, MOST_BYTES))
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
      const lines = bytes.subarray(0, bytesRead).toString().split('\n')
      const found = lines.flatMap((line) => EMERGENCY.exec(line)?.[1] ?? [])
      return [...new Set(found)]
    },
  }
}

const MOST_BYTES = 1024 * 1024
/** From its start on: further behind stands what clients have sent, a Referer to their liking. */
const EMERGENCY = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[emerg\] \d+#\d+: (.+)$/

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw error
  }
}
