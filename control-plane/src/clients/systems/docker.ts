import type { ClientBoxView } from '../client-box.js'
import { type ClientFile, type ClientFiles, type Identification, ownFile } from '../client-files.js'
import { hostsFiles } from '../hosts-toml.js'
import { asksOnMirror, distrustCommands, fingerprintNote, trustCommands } from '../trust.js'
import { joined, type Word } from '../word.js'

const CERTIFICATES = joined`/etc/docker/certs.d`

/** dockerd of any version, both image stores, and the BuildKit inside. */
export function dockerFiles(box: ClientBoxView): ClientFiles {
  const ca = joined`${CERTIFICATES}/${box.mirror}/ca.crt`
  const files = [mirrorList(box), ...authorities(box), ...hostsFiles(box, CERTIFICATES)]
  return {
    system: 'docker',
    title: 'Docker (dockerd, both image stores, docker build)',
    files,
    install: [
      '# daemon.json: put the mirror first in "registry-mirrors"; whatever else stands there stays',
      'dockerd --validate --config-file /etc/docker/daemon.json   # Docker 23 and later',
      ...trustCommands(box, ca),
    ],
    reload: ['systemctl reload docker'],
    prove: [
      `docker pull ${box.registry}/${box.probe.path}:${box.probe.tag}`,
      ...(box.probe.isKnown ? [`docker pull ${box.probe.image}`] : []),
      `docker info --format '{{.RegistryConfig.Mirrors}}'`,
    ],
    undo: [
      '# daemon.json: take the mirror out of "registry-mirrors" again',
      ...files.slice(1).map(({ path }) => `rm ${path}`),
      ...distrustCommands(box),
      'systemctl reload docker',
    ],
    identification: IDENTIFICATION,
    notes: notes(box),
  }
}

/** The one file that every version reads; for Docker Hub only. */
export function mirrorList({ mirrorUrl }: Pick<ClientBoxView, 'mirrorUrl'>): ClientFile {
  return {
    path: '/etc/docker/daemon.json',
    mode: 0o644,
    text: `${JSON.stringify({ 'registry-mirrors': [mirrorUrl] }, undefined, 2)}\n`,
    merge: { kind: 'json-lists', keys: ['registry-mirrors'] },
  }
}

/** Looked up by host and port, anew at each pull; none where the registry and its mirror are one address. */
function authorities({ registry, mirror, caPem }: ClientBoxView): readonly ClientFile[] {
  const hosts: readonly Word[] = [...new Set([mirror, registry])]
  return hosts.map((host) => ownFile(`${CERTIFICATES}/${host}/ca.crt`, caPem))
}

const IDENTIFICATION: readonly Identification[] = [
  {
    way: 'login and token',
    works: false,
    sentence:
      "docker login is used for the registry itself (pushes, and pulls by its name), never for a mirror: dockerd has no login for mirrors (moby#30880). Not logged in to Docker Hub, the graph driver fetches an anonymous token. docker build of Docker 28 uses the login of the mirror's host.",
  },
  {
    way: 'static header',
    works: true,
    sentence:
      'Docker 28 and later with the containerd image store, and docker build of Docker 28 with either store, send the header of hosts.toml with each request to the box and to nobody else. The graph driver reads no such file.',
  },
  {
    way: 'client certificate',
    works: true,
    sentence:
      'docker pull shows client.cert and client.key from /etc/docker/certs.d/<mirror>/ (graph driver) or what client = […] names in hosts.toml (containerd store, builds). For a registry whose http.tls.clientcas asks for one.',
  },
]

function notes(box: ClientBoxView): readonly string[] {
  return [
    fingerprintNote(box),
    'A reload is enough, and stops no container. hosts.toml and certs.d are read anew at each pull.',
    'registry-mirrors is for Docker Hub alone. Images of other registries by their own names come from the box with Docker 28 and later (containerd image store; docker build with either store), by hosts.toml.',
    `With every version, other registries by prefix: docker pull ${box.registry}/quay.io/prometheus/busybox:latest`,
    'Both files are needed: the graph driver reads daemon.json only; once docker.io has a hosts.toml, newer versions leave registry-mirrors aside.',
    "The system's list of authorities is for docker build before Docker 28, and for tokens; dockerd reads it at its start, so it counts from the next restart on.",
    'dockerd refuses daemon.json when its command line has --registry-mirror too: have it in one place.',
    'The box falls out of the way: refused, timed out, 404 on a manifest: Docker goes on to the registry itself.',
    `The graph driver offers the login of Docker Hub to a mirror that asks for one. This box ${asksOnMirror(box)}`,
    ...(box.needsAccount
      ? [
          "This box lets nobody pull without an account: dockerd with the graph driver cannot show one to a mirror, and gets everything from the registries themselves. Open the mirror's pulls to all, use the containerd image store, or pull by the registry's name after docker login.",
        ]
      : []),
    ...(box.plainMirrorPort > 0
      ? [
          `On the box itself http://127.0.0.1:${box.plainMirrorPort} in registry-mirrors needs no authority at all.`,
        ]
      : []),
  ]
}
