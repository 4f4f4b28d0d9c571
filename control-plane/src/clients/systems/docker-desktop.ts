import type { ClientBoxView } from '../client-box.js'
import { type ClientFiles, ownFile } from '../client-files.js'
import { fingerprintNote } from '../trust.js'
import { dockerFiles, mirrorList } from './docker.js'

/** Docker on a desk: settings are pasted into its window, and the authority is the system's matter. */
export function dockerDesktopFiles(box: ClientBoxView): ClientFiles {
  const name = `entrepot-${box.slug}.pem`
  const keychain = '/Library/Keychains/System.keychain'
  return {
    system: 'docker-desktop',
    title: 'Docker Desktop (macOS, Windows, Linux)',
    files: [
      {
        ...mirrorList(box),
        path: '~/.docker/daemon.json',
        merge: { kind: 'paste', sentence: 'Settings, Docker Engine: add the line to what stands there.' },
      },
      ownFile(`~/${name}`, box.caPem),
    ],
    install: [
      `# macOS:\nsudo security add-trusted-cert -d -r trustRoot -k ${keychain} ~/${name}`,
      `# Windows, as administrator:\ncertutil -addstore -f Root %USERPROFILE%\\${name}`,
      `# Linux:\nmkdir -p ~/.docker/certs.d/${box.registry} ~/.docker/certs.d/${box.mirror}\ncp ~/${name} ~/.docker/certs.d/${box.registry}/ca.crt\ncp ~/${name} ~/.docker/certs.d/${box.mirror}/ca.crt`,
    ],
    reload: [
      "# Apply & restart in the window: Docker Desktop takes up the system's authorities at its start",
    ],
    prove: box.probe.isKnown ? [`docker pull ${box.probe.image}`, 'docker info'] : ['docker info'],
    undo: [
      '# take the line out of Settings, Docker Engine',
      `# macOS:\nsudo security delete-certificate -Z ${box.fingerprint.replaceAll(':', '')} ${keychain}`,
      `# Windows, as administrator:\ncertutil -delstore Root ${box.thumbprint}`,
      `rm -r ~/${name} ~/.docker/certs.d/${box.registry} ~/.docker/certs.d/${box.mirror}`,
    ],
    identification: dockerFiles(box).identification,
    notes: [
      fingerprintNote(box),
      'Not tried by us on a desktop: these are the ways that its documentation names.',
      'registry-mirrors is for Docker Hub alone; other registries by prefix: docker pull ' +
        `${box.registry}/quay.io/prometheus/busybox:latest`,
      'With the containerd image store, which is on in new installations, the authority of a mirror is looked for in the system only.',
      ...(box.isOnLoopback
        ? [
            '127.0.0.1 is the virtual machine of Docker Desktop: name the box by host.docker.internal or its address.',
          ]
        : []),
    ],
  }
}
