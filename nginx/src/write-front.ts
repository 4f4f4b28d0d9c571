import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { renderFront } from './render.js'
import type { FrontSettings } from './settings.js'

/** Folders below the prefix that nginx writes to; they must be there before it starts. */
const RUNTIME_FOLDERS = ['logs', 'temp']

/** Writes a rendered front into its prefix folder, ready for nginx; what lies there already is replaced. */
export function writeFront(settings: FrontSettings): void {
  const files = renderFront(settings)
  for (const folder of RUNTIME_FOLDERS) mkdirSync(path.join(settings.prefix, folder), { recursive: true })
  for (const { path: name, mode, text } of files) {
    const file = path.join(settings.prefix, name)
    const folder = path.dirname(file)
    mkdirSync(folder, { recursive: true })
    // Workers read the bodies as another user than the one who writes them, whatever the umask takes away.
    if (folder !== settings.prefix) chmodSync(folder, 0o755)
    writeFileSync(file, text)
    chmodSync(file, mode)
  }
}
