import { type ClientBoxView, HUB } from '../client-box.js'
import { type ClientFile, type ClientFiles, type Identification, ownFile } from '../client-files.js'
import { renderTemplate } from '../templates.js'
import { fingerprintNote } from '../trust.js'
import { joined, storeWord, type Word } from '../word.js'

/** podman, buildah, skopeo and CRI-O: one library, one file. */
export function podmanFiles(box: ClientBoxView): ClientFiles {
  const files = [registriesConf(box), ...authorities(box)]
  return {
    system: 'podman',
    title: 'Podman, Buildah, Skopeo, CRI-O',
    files,
    install: [],
    reload: ['systemctl reload crio   # CRI-O only: the others read the file with each command'],
    prove: box.probe.isKnown ? [`podman pull ${box.probe.image}`, `crictl pull ${box.probe.image}`] : [],
    undo: files.map(({ path }) => `rm ${path}`),
    identification: IDENTIFICATION,
    notes: [
      fingerprintNote(box),
      "These clients do not say which registry is meant, so its host stands in the mirror's location; a registry added to the box later needs an entry here.",
      'An entry for the same prefix in another file of registries.conf.d with a later name wins over this one, and this one over registries.conf.',
      'The mirror is chosen by the first manifest: one that is down or answers 404 is passed over at once. After that everything comes from where the manifest came from; a layer that cannot be had ends the pull, and podman 5 starts again by itself.',
      `Lists of tags are never asked of a mirror. Ask the box by its name: skopeo list-tags docker://${box.registry}/quay.io/prometheus/busybox`,
      'Short names are completed by unqualified-search-registries = ["docker.io"], which distributions set.',
    ],
  }
}

/** Docker Hub from the mirror, where bare names mean it; the others by their prefix on the registry. */
function registriesConf({ host, hosts, mirror, registry }: ClientBoxView): ClientFile {
  const upstreams = hosts.map((name) => ({
    name,
    mirror: name === HUB ? mirror : prefixed(registry, name),
  }))
  const text = renderTemplate('registries-conf', { host, registry, upstreams })
  return ownFile('/etc/containers/registries.conf.d/50-entrepot.conf', text)
}

/** As a path on the registry. */
function prefixed(registry: Word, upstream: Word): Word {
  return joined`${registry}/${storeWord(upstream)}`
}

function authorities({ registry, mirror, caPem }: ClientBoxView): readonly ClientFile[] {
  const hosts: readonly Word[] = [...new Set([mirror, registry])]
  return hosts.map((host) => ownFile(`/etc/containers/certs.d/${host}/ca.crt`, caPem))
}

const IDENTIFICATION: readonly Identification[] = [
  {
    way: 'login and token',
    works: true,
    sentence:
      "podman login <mirror> and podman login <registry>: each has its own entry, and no other registry's login is ever sent to the box. CRI-O: the same in the file that global_auth_file names.",
  },
  { way: 'static header', works: false, sentence: 'registries.conf has no headers.' },
  {
    way: 'client certificate',
    works: true,
    sentence: 'client.cert and client.key beside ca.crt in /etc/containers/certs.d/<mirror>/.',
  },
]
