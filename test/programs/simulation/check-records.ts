import type { SimulatedDisk } from '#core-test/simulated-disk.js'
import { STORE_ROOT } from '#core-test/simulated-store.js'

import type { Ledger } from './ledger.js'

/** Whatever was removed on purpose has its record, so that it can be told and, for a while, restored. */
export function checkRecords(disk: SimulatedDisk, { removals }: Ledger): readonly string[] {
  const lines = disk
    .walk(`${STORE_ROOT}/entrepot/runs`)
    .filter(({ kind }) => kind === 'file')
    .flatMap(({ inode }) => disk.bytesOf(inode).toString().split('\n'))
  return removals
    .filter(({ repository, name }) => !lines.some((line) => isRecordOf(line, repository, name)))
    .map(({ repository, name }) => `the removal of ${name} from ${repository} has no record`)
}

function isRecordOf(line: string, repository: string, name: string): boolean {
  try {
    const record: unknown = JSON.parse(line)
    return (
      typeof record === 'object' &&
      record !== null &&
      'repository' in record &&
      record.repository === repository &&
      (('tag' in record && record.tag === name) || ('digest' in record && record.digest === name))
    )
  } catch {
    return false // a line that a crash has torn is none
  }
}
