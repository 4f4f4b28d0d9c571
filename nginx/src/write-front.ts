import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { renderFront } from './render.js'
import type { FrontSettings } from './settings.js'

/** Folders below the prefix that nginx writes to; they must be there before it starts. */
const RUNTIME_FOLDERS = ['logs', 'temp']

/** Writes a rendered front where its settings say, ready for nginx; what lies there already is replaced. */
export function writeFront(settings: FrontSettings): void {
  const files = renderFront(settings)
  const place = settings.generation?.folder ?? settings.prefix
  for (const folder of RUNTIME_FOLDERS) mkdirSync(path.join(settings.prefix, folder), { recursive: true })
  for (const { path: name, mode, text } of files) {
    const file = path.join(place, name)
    const folder = path.dirname(file)
    mkdirSync(folder, { recursive: true })
    // Workers read the bodies as another user than the one who writes them, whatever the umask takes away.
    if (folder !== place) chmodSync(folder, 0o755)
    writeFileSync(file, text)
    chmodSync(file, mode)
  }
}
