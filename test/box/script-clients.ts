import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'

import type { Outcome } from '../support/commands.js'
import { Containerd } from '../support/containerd.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import type { StateFolder } from '../support/state-folder.js'
import { type Suite, Toolbox } from '../support/toolbox.js'
import { BOX_NAME, MACHINE } from './running-box.js'

/** A machine of some system, with nothing of the box on it, where somebody types what the box says. */
export interface Machine {
  readonly system: 'docker' | 'containerd' | 'podman'
  /** A shell of root there; ROOT is where its system lies, for the script's --root. */
  type(line: string): Promise<Outcome>
  /** Further options of the script, for a daemon that no systemd runs. */
  readonly options: string
  close(): Promise<void>
}

/** dockerd in a network of its own, where the box has a name, and nobody is Docker Hub. */
export async function dockerMachine(state: StateFolder, kind: DaemonKind): Promise<Machine> {
  const folder = state.join(kind.title.replaceAll(/\W+/g, '-'))
  const hosts = { [BOX_NAME]: MACHINE, 'registry-1.docker.io': MACHINE, 'index.docker.io': MACHINE }
  const daemon = await DockerDaemon.start(folder, kind, { bridge: true, hosts })
  mkdirSync(`${folder}/system/etc`, { recursive: true })
  symlinkSync('/etc/docker', `${folder}/system/etc/docker`) // the daemon's own, where the script runs
  return {
    system: 'docker',
    options: `--root ${folder}/system --reload 'kill -HUP $(cat ${folder}/own.pid)'`,
    type: (line) => daemon.exec('sh', '-c', line),
    close: async () => {}, // it ends with its folder
  }
}

export async function containerdMachine(state: StateFolder, suite: Suite): Promise<Machine> {
  mkdirSync(state.join('system/etc/containerd'), { recursive: true })
  const nobody = { host: 'nobody.test', caFile: undefined, clientCertificate: undefined }
  const containerd = await Containerd.start(suite, state, nobody)
  return {
    system: 'containerd',
    options: `--root ${state.join('system')}`,
    type: (line) => containerd.beside('env', `CONTAINERD_ADDRESS=${containerd.socket}`, 'sh', '-c', line),
    close: () => containerd.stop(),
  }
}

/** podman, with storage and settings of its own. */
export async function podmanMachine(state: StateFolder, suite: Suite): Promise<Machine> {
  const tools = await Toolbox.open(suite, state)
  await tools.run('cp', '-r', '/etc/containers', state.join('settings'))
  const folders = { graphroot: state.join('storage'), runroot: state.join('run') }
  const storage = Object.entries(folders).map(([key, folder]) => `${key} = "${folder}"`)
  writeFileSync(state.join('storage.conf'), ['[storage]', 'driver = "vfs"', ...storage, ''].join('\n'))
  mkdirSync(state.join('system/etc'), { recursive: true })
  symlinkSync('/etc/containers', state.join('system/etc/containers'))
  const settings = 'mount --bind "$0" /etc/containers && exec sh -c "$1"'
  const environment = [
    `CONTAINERS_STORAGE_CONF=${state.join('storage.conf')}`,
    'PODMAN_IGNORE_CGROUPSV1_WARNING=1',
  ]
  return {
    system: 'podman',
    options: `--root ${state.join('system')}`,
    type: (line) =>
      tools.attempt(
        ...['env', ...environment, 'unshare', '--mount', 'sh', '-c'],
        ...[settings, state.join('settings'), line],
      ),
    close: async () => {},
  }
}
