import { fileURLToPath } from 'node:url'

/** The path of a shell script in `test/support`; compiled tests stand elsewhere than the scripts. */
export function supportScript(name: string): string {
  return fileURLToPath(new URL(`../../support/${name}`, import.meta.url))
}
