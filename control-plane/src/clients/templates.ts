import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import Handlebars from 'handlebars'

import type { Word } from './word.js'

/** What a template has made: it may stand in another one, as a part of the same file. */
export type Rendered = string & { readonly __type: 'Rendered' }

/** What a template may hold: no plain string compiles, and nothing is optional. */
export type Viewable =
  | Word
  | Rendered
  | number
  | boolean
  | readonly Viewable[]
  | { readonly [field: string]: Viewable }

const TEMPLATES = new URL('../../templates/clients/', import.meta.url)
const handlebars = Handlebars.create()
for (const file of readdirSync(TEMPLATES))
  handlebars.registerPartial(path.basename(file, '.hbs'), readFileSync(new URL(file, TEMPLATES), 'utf8'))
const OPTIONS = { strict: true, noEscape: true, knownHelpersOnly: true }
/** Compiled at their first use: that takes a millisecond, and a client has a file for each upstream. */
const compiled = new Map<string, Handlebars.TemplateDelegate<unknown>>()

/** Renders `templates/clients/<name>.hbs`, which decides nothing. */
export function renderTemplate(name: string, view: { readonly [field: string]: Viewable }): Rendered {
  const render = compiled.get(name) ?? handlebars.compile<unknown>(`{{> ${name}}}`, OPTIONS)
  compiled.set(name, render)
  return render(view).replace(/\n+$/, '\n') as Rendered
}
