import { readFileSync } from 'node:fs'

const OURS = new URL('../../package.json', import.meta.url)

/** The version of the product, or of the one whose package.json is named; `unknown` in one without. */
export function productVersion(packageJson: URL | string = OURS): string {
  return /"version":\s*"([^"]+)"/.exec(readFileSync(packageJson, 'utf8'))?.[1] ?? 'unknown'
}
