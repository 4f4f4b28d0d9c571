import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import Handlebars from 'handlebars'

import { errorPages } from './error-pages.js'
import type { FrontSettings } from './settings.js'
import { type View, type Viewable, viewOf } from './view.js'

export { SettingRefused } from './directive-value.js'
export type {
  FrontSettings,
  Listener,
  ListenerView,
  PlainListener,
  TlsListener,
  VirtualHost,
} from './settings.js'

/** A file to be written; the path is below the front's prefix. */
export interface RenderedFile {
  readonly path: string
  readonly mode: number
  readonly text: string
}

const TEMPLATES = new URL('../templates/', import.meta.url)

const nginxConf = compileTemplates()

/** The whole configuration of the front as files below its prefix. Throws SettingRefused, naming the setting. */
export function renderFront(settings: FrontSettings): readonly RenderedFile[] {
  const view: View & Viewable = viewOf(settings)
  const bodies = new Map(errorPages(settings).map(({ file, body }) => [file, body]))
  return [
    { path: 'nginx.conf', mode: 0o644, text: nginxConf(view) },
    ...[...bodies].map(([file, text]) => ({ path: path.posix.join('errors', file), mode: 0o644, text })),
  ]
}

/** One template per block, each a partial of `nginx.hbs`; they decide nothing. */
function compileTemplates(): (view: View) => string {
  const handlebars = Handlebars.create()
  for (const file of readdirSync(TEMPLATES)) {
    handlebars.registerPartial(path.basename(file, '.hbs'), readFileSync(new URL(file, TEMPLATES), 'utf8'))
  }
  const options = { strict: true, noEscape: true, knownHelpersOnly: true }
  const conf = handlebars.compile<View>('{{> nginx}}', options)
  return (view) => conf(view).replaceAll(/[ \t]+$/gm, '') // an indented partial indents its empty lines too
}
