import type { ApplyPlaces } from '../front/applying/places.js'
import type { BoxPlaces } from './places.js'

/** What a change of the configuration touches in a box. */
export function applyPlacesOf({ config, nginx, generationSocket, controlSocket }: BoxPlaces): ApplyPlaces {
  return { config, prefix: nginx, generationSocket, controlSocket }
}
