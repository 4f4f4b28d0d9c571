import { type ClientBox, viewOfBox } from './box.js'
import type { ClientFiles, ClientSystem } from './client-files.js'
import { containerdFiles } from './systems/containerd.js'
import { dockerFiles } from './systems/docker.js'
import { podmanFiles } from './systems/podman.js'

/**
 * Everything that makes clients of one kind use this box.
 * @throws SettingRefused that names what of the box cannot stand in a client's file
 */
export function renderClient(system: ClientSystem, box: ClientBox): ClientFiles {
  const view = viewOfBox(box)
  switch (system) {
    case 'docker':
      return dockerFiles(view)
    case 'containerd':
      return containerdFiles(view)
    case 'podman':
      return podmanFiles(view)
  }
}
