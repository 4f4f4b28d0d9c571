import { type ClientBox, viewOfClientBox } from './client-box.js'
import type { ClientFiles, ClientSystem } from './client-files.js'
import { buildkitFiles } from './systems/buildkit.js'
import { containerdFiles } from './systems/containerd.js'
import { dockerDesktopFiles } from './systems/docker-desktop.js'
import { dockerFiles } from './systems/docker.js'
import { gitlabDindFiles } from './systems/gitlab-dind.js'
import { k3sFiles, rke2Files } from './systems/k3s.js'
import { kindFiles } from './systems/kind.js'
import { podmanFiles } from './systems/podman.js'

/**
 * Everything that makes clients of one kind use this box.
 * @throws SettingRefused that names what of the box cannot stand in a client's file
 */
export function renderClient(system: ClientSystem, box: ClientBox): ClientFiles {
  const view = viewOfClientBox(box)
  switch (system) {
    case 'docker':
      return dockerFiles(view)
    case 'containerd':
      return containerdFiles(view)
    case 'podman':
      return podmanFiles(view)
    case 'k3s':
      return k3sFiles(view)
    case 'rke2':
      return rke2Files(view)
    case 'buildkit':
      return buildkitFiles(view)
    case 'kind':
      return kindFiles(view)
    case 'gitlab-dind':
      return gitlabDindFiles(view)
    case 'docker-desktop':
      return dockerDesktopFiles(view)
  }
}
