import { openApplyScript } from '../front/applying/apply-script.js'
import { findGeneration } from '../front/applying/places.js'
import { applyPlacesOf } from './apply-places.js'
import type { BoxPlaces } from './places.js'

/**
 * A box that was killed in the midst of a change has a configuration in force that nobody has proved: nginx and
 * registry-core start on the one before it, which served. The control plane brings what is meant into force again.
 */
export async function goBackToLastGood(places: BoxPlaces, say: (line: string) => void): Promise<void> {
  const front = applyPlacesOf(places)
  const proved = await findGeneration(front, 'applied')
  const current = await findGeneration(front, 'current')
  if (proved === undefined || proved === current) return
  say(
    `A change of the configuration was cut off (${current ?? 'none'}): starting with the last good one, ${proved}.`,
  )
  await openApplyScript(front).swap(proved)
}
