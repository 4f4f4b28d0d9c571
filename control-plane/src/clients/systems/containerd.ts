import type { ClientBoxView } from '../client-box.js'
import { type ClientFile, type ClientFiles, type Identification, ownFile } from '../client-files.js'
import { defaultHostsFile, hostsFiles, registryHostsFile } from '../hosts-toml.js'
import { renderTemplate } from '../templates.js'
import { asksOnMirror, fingerprintNote } from '../trust.js'
import { joined, type Word } from '../word.js'

const FOLDER = joined`/etc/containerd/certs.d`

/** containerd by itself, and under Kubernetes; `ctr` and nerdctl read the same folder. */
export function containerdFiles(box: ClientBoxView): ClientFiles {
  const files = [...hostFolder(box, FOLDER), configuration(1), configuration(2)]
  const named = files.filter(({ merge }) => merge.kind === 'replace')
  return {
    system: 'containerd',
    title: 'containerd, Kubernetes (CRI), nerdctl',
    files,
    install: [
      '# config.toml: the one of your version (containerd --version), unless config_path stands there already',
      'containerd config dump | grep config_path',
    ],
    reload: ['systemctl restart containerd   # after a change of config.toml only; containers go on running'],
    prove: box.probe.isKnown
      ? [`ctr images pull --hosts-dir ${FOLDER} ${box.probe.image}`, `crictl pull ${box.probe.image}`]
      : [],
    undo: [
      ...named.map(({ path }) => `rm ${path}`),
      '# config.toml: config_path may stay; without folders it changes nothing',
    ],
    identification: IDENTIFICATION,
    notes: [
      fingerprintNote(box),
      'The files of certs.d are read anew for each pull; only the line in config.toml needs a restart.',
      'Name exactly one folder in config_path: from containerd 2.1 on a list with a colon, which packages bring along, silently means none.',
      'config_path and the older tables registry.mirrors and registry.configs exclude each other: containerd does not load its CRI plugin with both.',
      '_default is asked for every registry without a folder of its own, private ones too: the box answers 404 to what it does not mirror, and containerd goes on. Leave it out if the box shall not hear such names.',
      'ctr reads no config.toml: it is told the folder by --hosts-dir. The kubelet knows nothing of mirrors; images keep their names.',
      'Fallback is per request: 404 and errors go on to the registry itself; wrong bytes never do.',
      `A pull secret without an address is offered to any host that asks for a login. This box ${asksOnMirror(box)}`,
    ],
  }
}

/** A folder of hosts with the authority in it: also for what mounts one. */
export function hostFolder(box: ClientBoxView, folder: Word): readonly ClientFile[] {
  return [
    ownFile(`${folder}/${box.mirror}/ca.crt`, box.caPem),
    ...hostsFiles(box, folder),
    defaultHostsFile(box, folder),
    registryHostsFile(box, folder),
  ]
}

function configuration(major: 1 | 2): ClientFile {
  const table = major === 1 ? 'io.containerd.grpc.v1.cri' : 'io.containerd.cri.v1.images'
  return {
    path: `/etc/containerd/config.toml`,
    mode: 0o644,
    text: renderTemplate(`containerd-${major}`, { folder: FOLDER }),
    merge: {
      kind: 'toml-setting',
      sentence: `config_path = "${FOLDER}" in [plugins."${table}".registry]; everything else stays.`,
    },
    only: `containerd ${major}.x`,
  }
}

const IDENTIFICATION: readonly Identification[] = [
  {
    way: 'login and token',
    works: true,
    sentence:
      'By a pull secret only, which CRI gives to any host that asks; hosts.toml has no field for a login (containerd#7385).',
  },
  {
    way: 'static header',
    works: true,
    sentence:
      'The header of hosts.toml is sent with each request to the box, to no host after it, and wins over a pull secret.',
  },
  {
    way: 'client certificate',
    works: true,
    sentence: 'client = [["/path/client.cert", "/path/client.key"]] in the [host] table of hosts.toml.',
  },
]
