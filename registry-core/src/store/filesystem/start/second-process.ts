import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Run by the second process: it must see what the first wrote, and the first must see what it links. */
const SCRIPT = `
const fs = require('node:fs')
const [folder] = process.argv.slice(1)
if (fs.readFileSync(folder + '/a', 'utf8') !== 'a') process.exit(1)
fs.linkSync(folder + '/a', folder + '/second')
`

/** True when another process sees our files and we see its (not so on some network and overlay mounts). */
export async function trySecondProcess(folder: string, sees: (path: string) => boolean): Promise<boolean> {
  await promisify(execFile)(process.execPath, ['-e', SCRIPT, folder], { timeout: 10_000 })
  return sees(`${folder}/second`)
}
