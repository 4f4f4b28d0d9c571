import { type ClientBox, viewOfClientBox } from './client-box.js'
import type { ClientFile, ClientSystem } from './client-files.js'
import { LOGIN_PLACE } from './hosts-toml.js'
import { renderClient } from './render-client.js'
import { RKE2_CRICTL, RKE2_CRICTL_PROGRAM } from './systems/k3s.js'
import { renderTemplate, type Viewable } from './templates.js'
import { SYSTEM_TRUST } from './trust.js'
import { documentText, joined, lineText, type Word } from './word.js'

/** What a script can set up by itself: the others are made by people, from what `renderClient` shows. */
export const SCRIPTED_SYSTEMS = ['docker', 'containerd', 'podman', 'k3s', 'rke2', 'buildkit'] as const
export type ScriptedSystem = (typeof SCRIPTED_SYSTEMS)[number]

/** Whether a script sets it up; the others are shown only. */
export function hasInstallScript(system: ClientSystem): system is ScriptedSystem {
  return SCRIPTED_SYSTEMS.some((each) => each === system)
}

/**
 * One POSIX shell script that installs the files of `renderClient`, proves itself by a pull, and undoes itself. It is ended
 * by the one line that starts it, so half a download does nothing.
 * @throws SettingRefused as renderClient does
 */
export function installScript(system: ScriptedSystem, box: ClientBox): string {
  const view = viewOfClientBox(box)
  const { files, title } = renderClient(system, box)
  const { template, ...part } = partOf(system, files)
  const { probe, fingerprint, caPem, host, mirrorUrl, slug, isKnownAnyway } = view
  return renderTemplate('install', {
    ...{ host, mirrorUrl, slug, caPem, fingerprint },
    ...{ title: lineText('title', title), system: lineText('system', system) },
    probeImage: probe.isKnown ? probe.image : NOTHING,
    ...{ probePath: probe.path, probeTag: probe.tag, probeIsOnlyHere: flag(probe.isOnlyHere) },
    isKnownAnyway: flag(isKnownAnyway),
    login: LOGIN_PLACE,
    trust: trustFolders(system),
    systemPart: renderTemplate(template, part),
    files: files.filter(({ merge }) => merge.kind !== 'toml-setting').map(embedded),
  })
}

const NOTHING = joined``

function flag(value: boolean): Word {
  return value ? joined`yes` : NOTHING
}

/** A file as the script holds it: in a here-document of its own, whose end no file has in it. */
function embedded({ path, mode, text, merge }: ClientFile): Viewable {
  return {
    path: lineText('path', path),
    mode: lineText('mode', mode.toString(8)),
    how: merge.kind === 'json-lists' ? joined`json` : joined`own`,
    text: documentText(path, text),
  }
}

/** Docker alone looks for authorities in the system's list too; the others are told by their own files. */
function trustFolders(system: ScriptedSystem): Viewable {
  if (system !== 'docker') return []
  return SYSTEM_TRUST.map(({ folder, ending }) => ({
    folder: lineText('folder', folder),
    ending: lineText('ending', ending),
  }))
}

type SystemPart = { readonly template: string } & { readonly [field: string]: Viewable }

/** The functions that only this system has, and what they hold. */
function partOf(system: ScriptedSystem, files: readonly ClientFile[]): SystemPart {
  switch (system) {
    case 'docker':
    case 'podman':
    case 'buildkit':
      return { template: joined`install-${lineText('system', system)}` }
    case 'containerd': {
      const [configuration1 = NOTHING, configuration2 = NOTHING] = files
        .filter(({ merge }) => merge.kind === 'toml-setting')
        .map(({ text }) => documentText('config.toml', text))
      return { template: joined`install-containerd`, configuration1, configuration2 }
    }
    case 'k3s':
      return {
        template: joined`install-k3s`,
        units: joined`k3s k3s-agent`,
        ...{ crictlProgram: joined`k3s`, crictl: joined`k3s crictl` },
      }
    case 'rke2':
      return {
        template: joined`install-k3s`,
        units: joined`rke2-server rke2-agent`,
        ...{ crictlProgram: RKE2_CRICTL_PROGRAM, crictl: RKE2_CRICTL },
      }
  }
}
