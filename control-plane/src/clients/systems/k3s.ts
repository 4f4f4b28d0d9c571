import { stringify } from 'yaml'

import type { ClientBoxView } from '../client-box.js'
import { type ClientFile, type ClientFiles, type Identification, ownFile } from '../client-files.js'
import { fingerprintNote } from '../trust.js'
import { joined } from '../word.js'

interface Distribution {
  readonly system: 'k3s' | 'rke2'
  readonly title: string
  readonly folder: string
  readonly restart: readonly string[]
  readonly crictl: string
}

const K3S: Distribution = {
  system: 'k3s',
  title: 'k3s',
  folder: '/etc/rancher/k3s',
  restart: ['systemctl restart k3s         # a server', 'systemctl restart k3s-agent   # an agent'],
  crictl: 'k3s crictl',
}
/** It is in nobody's PATH. */
export const RKE2_CRICTL_PROGRAM = joined`/var/lib/rancher/rke2/bin/crictl`
/** The same with the socket of its own containerd. */
export const RKE2_CRICTL = joined`${RKE2_CRICTL_PROGRAM} --runtime-endpoint unix:///run/k3s/containerd/containerd.sock`
const RKE2: Distribution = {
  system: 'rke2',
  title: 'RKE2',
  folder: '/etc/rancher/rke2',
  restart: ['systemctl restart rke2-server   # a server', 'systemctl restart rke2-agent    # an agent'],
  crictl: RKE2_CRICTL,
}

/** registries.yaml of k3s, read by its own containerd (docs.k3s.io, "Private Registry Configuration"). */
export function k3sFiles(box: ClientBoxView): ClientFiles {
  return rancherFiles(box, K3S)
}

/** The same file for RKE2, in its own folder. */
export function rke2Files(box: ClientBoxView): ClientFiles {
  return rancherFiles(box, RKE2)
}

/** Both have one file, of which they make containerd's folder of hosts at their start. */
function rancherFiles(
  box: ClientBoxView,
  { system, title, folder, restart, crictl }: Distribution,
): ClientFiles {
  const authority = ownFile(`${folder}/entrepot-ca.pem`, box.caPem)
  return {
    ...{ system, title },
    files: [authority, registriesYaml(box, folder, authority.path)],
    install: ['# on each node: servers and agents'],
    reload: restart,
    prove: box.probe.isKnown ? [`${crictl} pull ${box.probe.image}`] : [],
    undo: [`rm ${authority.path} ${folder}/registries.yaml`, ...restart],
    identification: IDENTIFICATION,
    notes: [
      fingerprintNote(box),
      `registries.yaml is read at the start of ${title} only, so a change needs a restart; running pods go on.`,
      'The registry itself is tried last, unless the server runs with --disable-default-registry-endpoint.',
      `"*" in place of a host means all registries without an entry of their own; the box answers 404 to what it does not mirror.`,
      'The kubelet shows the error of the last endpoint only, which is that of the registry, not of the box.',
      'Only the form of this file is tested here; what is made of it is what containerd is tested with.',
    ],
  }
}

function registriesYaml(box: ClientBoxView, folder: string, authority: string): ClientFile {
  const { hosts, mirror, registry, mirrorUrl, needsAccount } = box
  const login = { username: 'NAME', password: 'SECRET' }
  const reached = { ...(needsAccount && { auth: login }), tls: { ca_file: authority } }
  const value = {
    mirrors: Object.fromEntries(hosts.map((host) => [host, { endpoint: [mirrorUrl] }])),
    configs: Object.fromEntries([mirror, registry].map((host) => [host, reached])),
  }
  const text = stringify(value, { aliasDuplicateObjects: false })
  return {
    path: `${folder}/registries.yaml`,
    mode: needsAccount ? 0o600 : 0o644,
    text: `# Made by Entrepot (${box.host}). Each registry is asked for by the box first, then itself.\n${text}`,
    merge: {
      kind: 'by-hand',
      sentence:
        'Put these entries below mirrors: and configs: of the file that is there; an endpoint list is tried in its order.',
    },
  }
}

const IDENTIFICATION: readonly Identification[] = [
  {
    way: 'login and token',
    works: true,
    sentence: 'configs.<mirror>.auth with username and password, below the address of the mirror.',
  },
  { way: 'static header', works: false, sentence: 'registries.yaml has no headers.' },
  {
    way: 'client certificate',
    works: true,
    sentence: 'configs.<mirror>.tls with cert_file and key_file beside ca_file.',
  },
]
