import { spawnSync } from 'node:child_process'
import { findProgram } from './find-program.js'
import { StartRefused } from './start-refused.js'

/** The nginx that serves. */
export interface NginxProgram {
  readonly file: string
  /** As in `1.22.1`. */
  readonly version: string
}

/** The syntax and the modules that the rendered configuration counts on. */
const OLDEST = [1, 22]

/**
 * Answers `undefined` when there is none.
 * @throws StartRefused for one that does not run, or is too old
 */
export function findNginx(searchPath?: string): NginxProgram | undefined {
  const file = findProgram('nginx', searchPath)
  if (file === undefined) return undefined
  const { stderr, error } = spawnSync(file, ['-v'], { encoding: 'utf8' })
  const [, version, major, minor] = /nginx\/((\d+)\.(\d+)\.\d+)/.exec(stderr ?? '') ?? []
  if (version === undefined) {
    const reason = error?.message ?? stderr.trim()
    throw new StartRefused('nginx-not-runnable', { file, reason })
  }
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST
  if (Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor))
    throw new StartRefused('nginx-too-old', { file, version })
  return { file, version }
}
