import { fileURLToPath } from 'node:url'

/** The path of a script, or of another file that nobody compiles, in `test/support`; compiled tests stand elsewhere. */
export function supportScript(name: string): string {
  return fileURLToPath(new URL(`../../support/${name}`, import.meta.url))
}
