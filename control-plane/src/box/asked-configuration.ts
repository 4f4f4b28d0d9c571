import fs from 'node:fs'
import path from 'node:path'
import type { BoxOptions } from './box.js'
import type { BoxSettings } from './box-settings.js'
import type { BoxPlaces } from './box-places.js'

/** What this start is to run: by it a configuration of an earlier one is known to be the same. */
export interface Asked {
  readonly settings: BoxSettings
  readonly places: BoxPlaces
  /** Of this program. */
  readonly version: string
}

/** Where it stands what the configuration in force was made of, as far as a start can know it. */
function fileOf({ run }: BoxPlaces): string {
  return path.join(run, 'asked.json')
}

/** Another version may render otherwise what registry-core takes at its start only, as a socket more. */
function textOf({ settings, places, version }: Asked): string {
  const { ports, acmePort, bind, httpBind, names } = settings
  const { store, coreSocket, closedCoreSocket, localCoreSocket, controlSocket } = places
  const sockets = [coreSocket, closedCoreSocket, localCoreSocket, controlSocket]
  return JSON.stringify({ ports, acmePort, bind, httpBind, names, store, sockets, version })
}

/** Whether an earlier start left a configuration, and whether it was for what is asked now: other ports are other ones. */
export function findConfiguration(asked: Asked): BoxOptions['configuration'] {
  const { places } = asked
  const isThere = ['nginx.conf', 'registry.yml'].every((name) =>
    fs.existsSync(path.join(places.currentConfig, name)),
  )
  if (!isThere) return 'none'
  const file = fileOf(places)
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8') === textOf(asked)
    ? 'usable'
    : 'of another start'
}

/**
 * The control plane has made it what is asked: the next start with the same need not wait for that. Answers why it could not
 * be noted, on a full disk: then that start waits, and nothing else is lost.
 */
export function rememberAsked(asked: Asked): string | undefined {
  const file = fileOf(asked.places)
  try {
    fs.writeFileSync(`${file}.new`, textOf(asked))
    fs.renameSync(`${file}.new`, file)
    return undefined
  } catch (error) {
    return Error.isError(error) ? error.message : String(error)
  }
}
