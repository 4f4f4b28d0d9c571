import fs from 'node:fs'
import path from 'node:path'
import type { BoxOptions } from './box.js'
import type { BoxSettings } from './box-settings.js'
import type { BoxPlaces } from './places.js'

/** What the configuration in force was made of, as far as the environment says it. */
function fileOf({ run }: BoxPlaces): string {
  return path.join(run, 'asked.json')
}

function textOf({ ports, acmePort, bind, httpBind, names }: BoxSettings, { store }: BoxPlaces): string {
  return JSON.stringify({ ports, acmePort, bind, httpBind, names, store })
}

/** Whether an earlier start left a configuration, and whether it was for what is asked now: other ports are other ones. */
export function findConfiguration(settings: BoxSettings, places: BoxPlaces): BoxOptions['configuration'] {
  const isThere = ['nginx.conf', 'registry.yml'].every((name) =>
    fs.existsSync(path.join(places.currentConfig, name)),
  )
  if (!isThere) return 'none'
  const file = fileOf(places)
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8') === textOf(settings, places)
    ? 'usable'
    : 'of other settings'
}

/** The control plane has made it what is asked: the next start with the same need not wait for that. */
export function rememberAsked(settings: BoxSettings, places: BoxPlaces): void {
  const file = fileOf(places)
  fs.writeFileSync(`${file}.new`, textOf(settings, places))
  fs.renameSync(`${file}.new`, file)
}
