import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import Handlebars from 'handlebars'

import { readAuthority } from './authority-page.js'
import { errorPages } from './error-pages.js'
import { PROBLEM_PAGES } from './problem-pages.js'
import type { FrontSettings } from './settings.js'
import type { RenderedFile } from './rendered-file.js'
import { type View, type Viewable, viewOf } from './view.js'

export { SettingRefused } from './directive-value.js'
export type { RenderedFile } from './rendered-file.js'
export { RegistryRefused, type RegistrySettings, renderRegistry } from './registry-yaml.js'
export {
  DEFAULT_MAX_UPLOAD_SIZE,
  DEFAULT_TIMEOUT_SECONDS,
  LONGEST_TIMEOUT_SECONDS,
  SIZE,
} from './settings.js'
export type {
  AdminListener,
  AuthorityListener,
  ChallengeListener,
  FrontSettings,
  Generation,
  Listener,
  ListenerView,
  PlainListener,
  RegistryListener,
  TlsListener,
  VirtualHost,
} from './settings.js'

/** The steps of a change of the configuration, as a program (POSIX sh). */
export const APPLY_SCRIPT = fileURLToPath(new URL('../apply/apply.sh', import.meta.url))

const TEMPLATES = new URL('../templates/', import.meta.url)

const template = compileTemplates()

/** The whole configuration of the front as files. Throws SettingRefused, naming the setting. */
export function renderFront(settings: FrontSettings): readonly RenderedFile[] {
  const view: View & Viewable = viewOf(settings)
  const { listeners, authority } = settings
  const hasAdmin = listeners.some(({ kind }) => kind === 'admin')
  return [
    { path: 'nginx.conf', mode: 0o644, text: template('nginx', view) },
    ...folderOf('errors', errorPages(settings)),
    ...(hasAdmin ? folderOf('problems', PROBLEM_PAGES) : []),
    ...(authority === undefined ? [] : authorityFiles(authority)),
  ]
}

function folderOf(
  name: string,
  pages: readonly { readonly file: string; readonly body: string }[],
): readonly RenderedFile[] {
  const bodies = new Map(pages.map(({ file, body }) => [file, body]))
  return [...bodies].map(([file, text]) => ({ path: path.posix.join(name, file), mode: 0o644, text }))
}

function authorityFiles(authority: string): readonly RenderedFile[] {
  const { pem, page } = readAuthority(authority)
  return [
    { path: 'authority/ca.pem', mode: 0o644, text: pem },
    { path: 'authority/index.html', mode: 0o644, text: template('authority-page', page) },
  ]
}

/** One template per block, each a partial of `nginx.hbs`, and one of a page; they decide nothing. */
function compileTemplates(): (name: string, view: Viewable) => string {
  const handlebars = Handlebars.create()
  for (const file of readdirSync(TEMPLATES)) {
    handlebars.registerPartial(path.basename(file, '.hbs'), readFileSync(new URL(file, TEMPLATES), 'utf8'))
  }
  const options = { strict: true, noEscape: true, knownHelpersOnly: true }
  const compiled = new Map<string, (view: Viewable) => string>()
  return (name, view) => {
    const render = compiled.get(name) ?? handlebars.compile<Viewable>(`{{> ${name}}}`, options)
    compiled.set(name, render)
    return render(view).replaceAll(/[ \t]+$/gm, '') // an indented partial indents its empty lines too
  }
}
