import { stringify } from 'yaml'

import type { ClientBoxView } from '../client-box.js'
import type { ClientFile, ClientFiles } from '../client-files.js'
import { hostsFiles } from '../hosts-toml.js'
import { renderTemplate } from '../templates.js'
import { fingerprintNote } from '../trust.js'
import { documentText, joined } from '../word.js'
import { dockerFiles } from './docker.js'

const FOLDER = joined`/etc/entrepot/docker`

/** Docker as a service of a GitLab job: told by the job, or by the runner for all its jobs. */
export function gitlabDindFiles(box: ClientBoxView): ClientFiles {
  const docker = dockerFiles(box)
  return {
    system: 'gitlab-dind',
    title: 'GitLab CI, Docker in Docker',
    files: [jobFile(box), runnerFile(), ...onTheRunner(docker.files)],
    install: ['# either the lines of the job, or on the runner its files and the line of config.toml'],
    reload: ['# the runner reads config.toml by itself, within seconds'],
    prove: box.probe.isKnown ? [`docker pull ${box.probe.image}   # in a job`] : [],
    undo: ['# take the lines out again', `rm -r ${FOLDER}`],
    identification: docker.identification,
    notes: [
      fingerprintNote(box),
      'The command of the service writes the authority and the files, then starts the daemon as the image does. It holds no secret.',
      'Docker Hub with every version; other registries by their own names with docker:28-dind and later, for builds and the containerd image store.',
      'For pushes: docker login with an account of the box, its secret in a masked variable.',
      'The job needs to reach the box by its name from within the runner: extra_hosts of [runners.docker] adds one.',
      'The command of the service is tested with Docker 28, without a GitLab runner.',
      ...(box.needsAccount
        ? [
            'This box lets nobody pull without an account: use the files on the runner, with the header in each hosts.toml; a secret has no place in .gitlab-ci.yml.',
          ]
        : []),
    ],
  }
}

function jobFile(box: ClientBoxView): ClientFile {
  const service = { name: 'docker:28-dind', alias: 'docker', command: ['/bin/sh', '-c', serviceCommand(box)] }
  const value = { build: { image: 'docker:28', services: [service], script: ['docker build --pull .'] } }
  return {
    path: '.gitlab-ci.yml',
    mode: 0o644,
    text: `# Made by Entrepot (${box.host}).\n${stringify(value, { lineWidth: 0 })}`,
    merge: { kind: 'paste', sentence: 'Put the service into the jobs that build, or below default:.' },
  }
}

/** What the service runs in place of its own entry point, which it ends with. */
function serviceCommand({ mirror, registry, mirrorUrl, caPem, ...box }: ClientBoxView): string {
  const folder = joined`/etc/docker/certs.d`
  const view = { ...box, mirror, registry, mirrorUrl, caPem, needsAccount: false }
  const files = hostsFiles(view, folder)
  return renderTemplate('gitlab-dind', {
    ...{ mirrorUrl, caPem, authorities: [...new Set([mirror, registry])] },
    upstreams: box.hosts.map((name, at) => ({
      name,
      toml: documentText('hosts.toml', files[at]?.text ?? ''),
    })),
  })
}

function runnerFile(): ClientFile {
  return {
    path: '/etc/gitlab-runner/config.toml',
    mode: 0o600,
    text: renderTemplate('gitlab-runner', { folder: FOLDER }),
    merge: { kind: 'paste', sentence: 'Add the last volume to [runners.docker] of each runner that builds.' },
  }
}

/** Docker's own folder, at another place of the machine: the containers see it as /etc/docker. */
function onTheRunner(files: readonly ClientFile[]): readonly ClientFile[] {
  return files.map((file) => ({ ...file, path: file.path.replace('/etc/docker', FOLDER) }))
}
