import path from 'node:path'

import { checkByCore } from '../../core/check-by-core.js'
import { type ApplyScript, reasonOf, type Tested } from './apply-script.js'
import { type ApplyPlaces, generationFolder } from './apply-places.js'

const SOUND: Tested = { outcome: 'sound' }

/**
 * Whether nginx and the core would start with a generation. What nginx serves already it has tested; the core that runs
 * reads its file itself, and its program, which takes a second to start, where that does not answer.
 */
export async function testGeneration(
  id: string,
  { isServed, places, script }: { isServed: boolean; places: ApplyPlaces; script: ApplyScript },
): Promise<Tested> {
  const [front, core] = await Promise.all([
    isServed ? SOUND : script.test(id, 'nginx'),
    testCore(id, { places, script }),
  ])
  return front.outcome === 'refused' ? front : core
}

async function testCore(
  id: string,
  { places, script }: { places: ApplyPlaces; script: ApplyScript },
): Promise<Tested> {
  const file = path.join(generationFolder(places, id), 'registry.yml')
  const checked = await checkByCore(places.controlSocket, file)
  if (checked === undefined) return script.test(id, 'core')
  return checked.isSound
    ? SOUND
    : { outcome: 'refused', stage: 'core', reason: reasonOf(checked.said, places) }
}
