import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { runToEnd } from './processes.js'

/** What Distribution's own collector would do to a store, by its own account. */
export interface CollectionForecast {
  /** Digests of blobs it would delete. */
  readonly eligibleBlobs: readonly string[]
  /** Digests it marked as in use. */
  readonly markedBlobs: ReadonlySet<string>
  readonly output: string
}

/**
 * Runs `docker-registry garbage-collect --dry-run` over a store (a folder that holds `docker/registry/v2`). Throws when
 * the collector itself gives up, which on a live store is a finding of its own.
 */
export async function forecastCollection(root: string): Promise<CollectionForecast> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  try {
    const config = path.join(folder, 'config.yml')
    writeFileSync(
      config,
      JSON.stringify({
        version: '0.1',
        storage: { filesystem: { rootdirectory: root } },
        http: { addr: ':0' },
      }),
    )
    const run = await runToEnd('docker-registry', ['garbage-collect', '--dry-run', config])
    const output = run.stdout + run.stderr
    if (run.code !== 0) throw new Error(`garbage-collect ended with ${run.code}:\n${output}`)
    return parseForecast(output)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The digests that Distribution's collector would delete from this store. */
export async function eligibleBlobs(root: string): Promise<readonly string[]> {
  return (await forecastCollection(root)).eligibleBlobs
}

/** Exported for its test: reads the collector's text, and checks it against the counts that the text itself gives. */
export function parseForecast(output: string): CollectionForecast {
  const eligible = [...output.matchAll(/^blob eligible for deletion: (\S+)$/gm)].map(([, digest]) =>
    String(digest),
  )
  const marked = [...output.matchAll(/: marking (?:manifest|blob) (\S+) *$/gm)].map(([, digest]) =>
    String(digest),
  )
  const counts = /^(\d+) blobs marked, (\d+) blobs and \d+ manifests eligible for deletion$/m.exec(output)
  if (counts === null) throw new Error(`garbage-collect gave no counts:\n${output}`)
  if (Number(counts[2]) !== eligible.length) {
    throw new Error(
      `garbage-collect counts ${counts[2]} eligible blobs and names ${eligible.length}:\n${output}`,
    )
  }
  return { eligibleBlobs: eligible, markedBlobs: new Set(marked), output }
}
