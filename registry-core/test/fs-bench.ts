import { errorCode, type Fs } from '#core/store/fs.js'

/** The file system of the running test, and paths in its folder. */
export interface Bench {
  readonly fs: () => Fs
  readonly at: (...parts: readonly string[]) => string
  readonly plantLink: (target: string) => Promise<void>
}

/** Makes a file with this text. */
export async function put(fs: Fs, target: string, text: string): Promise<void> {
  const file = await fs.create(target)
  await file.write([Buffer.from(text)], 0)
  await file.close()
}

/** The text of a file; undefined when absent. */
export function textOf(fs: Fs, target: string): string | undefined {
  return fs.readNow(target, 1000)?.toString()
}

/** The system's code that a call throws. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return errorCode(error)
  }
  return undefined
}
