import type { ClientBoxView } from '../client-box.js'
import { type ClientFile, type ClientFiles, type Identification, ownFile } from '../client-files.js'
import { renderTemplate } from '../templates.js'
import { fingerprintNote } from '../trust.js'
import { joined } from '../word.js'

const CA = joined`/etc/buildkit/entrepot-ca.pem`
const FILE = '/etc/buildkit/buildkitd.toml'

/** Builders of their own: buildkitd, and what `docker buildx create` starts. */
export function buildkitFiles(box: ClientBoxView): ClientFiles {
  const create = `docker buildx create --name entrepot --driver docker-container --buildkitd-config ${FILE} --use`
  const { image } = box.probe
  return {
    system: 'buildkit',
    title: 'BuildKit (buildkitd, docker buildx create)',
    files: [ownFile(CA, box.caPem), buildkitdToml(box)],
    install: [`# a builder of buildx, which takes the file and the authority with it:\n${create}`],
    reload: ['systemctl restart buildkit   # buildkitd by itself: ends the builds that run'],
    prove: box.probe.isKnown
      ? [`printf 'FROM ${image}\\n' | docker buildx build --builder entrepot --pull --no-cache -`]
      : [],
    undo: ['docker buildx rm entrepot', `rm ${CA} ${FILE}`],
    identification: IDENTIFICATION,
    notes: [
      fingerprintNote(box),
      'docker build of Docker itself reads the files of Docker, not this one.',
      'The file is read when a builder is made or buildkitd starts. buildx before 0.16 calls the option --config.',
      'What concerns the connection to the mirror (ca, keypair, insecure) stands in the section of the mirror.',
      'Fallback is that of containerd: 404 and errors go on to the registry itself, for each request.',
      'Only the form of this file is tested here.',
      ...(box.isOnLoopback
        ? ['A builder in a container reaches 127.0.0.1 of the machine with --driver-opt network=host only.']
        : []),
    ],
  }
}

function buildkitdToml({ host, hosts, mirror, registry }: ClientBoxView): ClientFile {
  const view = { host, hosts, mirror, ca: CA, authorities: [...new Set([mirror, registry])] }
  return {
    path: FILE,
    mode: 0o644,
    text: renderTemplate('buildkitd', view),
    merge: {
      kind: 'by-hand',
      sentence: 'Add these sections to the file that is there; a section may stand once only.',
    },
  }
}

const IDENTIFICATION: readonly Identification[] = [
  {
    way: 'login and token',
    works: true,
    sentence:
      'docker login <mirror> where the build is started: the client is asked for it, and fetches the token, so it must trust the box too.',
  },
  { way: 'static header', works: false, sentence: 'buildkitd.toml has no headers.' },
  {
    way: 'client certificate',
    works: true,
    sentence: '[[registry."<mirror>".keypair]] with key and cert. Not tried here.',
  },
]
