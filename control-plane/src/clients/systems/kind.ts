import { stringify } from 'yaml'

import type { ClientBoxView } from '../client-box.js'
import type { ClientFile, ClientFiles } from '../client-files.js'
import { renderTemplate } from '../templates.js'
import { fingerprintNote } from '../trust.js'
import { joined } from '../word.js'
import { containerdFiles, hostFolder } from './containerd.js'

const ON_THE_MACHINE = joined`/etc/entrepot/kind/certs.d`
const IN_THE_NODE = joined`/etc/containerd/certs.d`

/** Clusters whose nodes are containers: a folder of the machine is mounted where their containerd looks. */
export function kindFiles(box: ClientBoxView): ClientFiles {
  return {
    system: 'kind',
    title: 'kind',
    files: [clusterConfiguration(box), ...hostFolder(box, ON_THE_MACHINE)],
    install: [
      'kind create cluster --config /etc/entrepot/kind/cluster.yaml',
      '# a cluster that is there already, whose containerd names the folder (kind 0.27 and later):',
      `for node in $(kind get nodes); do docker cp ${ON_THE_MACHINE}/. "$node:${IN_THE_NODE}"; done`,
    ],
    reload: [],
    prove: box.probe.isKnown ? [`docker exec kind-control-plane crictl pull ${box.probe.image}`] : [],
    undo: ['kind delete cluster', 'rm -r /etc/entrepot/kind'],
    identification: containerdFiles(box).identification,
    notes: [
      fingerprintNote(box),
      'The files are read anew for each pull: a change in the mounted folder needs no new cluster.',
      'Give each node of your own configuration the same extraMounts.',
      'The patch is for node images before kind 0.27; newer ones name the folder already.',
      'Only the form of the configuration is tested here; the folder is what containerd is tested with.',
      ...(box.isOnLoopback
        ? [
            'A node does not reach 127.0.0.1 of the machine: give the box a name or an address that the nodes reach (ENTREPOT_BIND, ENTREPOT_NAMES).',
          ]
        : []),
    ],
  }
}

function clusterConfiguration(box: ClientBoxView): ClientFile {
  const patch = renderTemplate('containerd-1', { folder: IN_THE_NODE }).replace(/^version = 2\n+/, '')
  const mount = { hostPath: ON_THE_MACHINE, containerPath: IN_THE_NODE, readOnly: true }
  const value = {
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    containerdConfigPatches: [patch],
    nodes: [{ role: 'control-plane', extraMounts: [mount] }],
  }
  return {
    path: '/etc/entrepot/kind/cluster.yaml',
    mode: 0o644,
    text: `# Made by Entrepot (${box.host}).\n${stringify(value)}`,
    merge: {
      kind: 'by-hand',
      sentence: 'Put the patch, and the mount of each node, into your own configuration of the cluster.',
    },
  }
}
