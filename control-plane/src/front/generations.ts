import type { RenderedFile } from '@entrepot/front'

import { ProductError } from '../http/product-error.js'
import type { Probe } from './applying/ask-nginx.js'
import type { Intent } from './intent.js'

/** What is meant, as files of one generation. */
export interface Rendered {
  /** The generation: the name of its folder. */
  readonly id: string
  readonly files: readonly RenderedFile[]
  /** Passwords: written like the others, and kept in no history. */
  readonly secrets: readonly RenderedFile[]
  /** What every listener must answer then. */
  readonly probes: readonly Probe[]
}

/** What became of a configuration that was tried. */
export type Applied =
  | { readonly outcome: 'applied' }
  | { readonly outcome: 'refused'; readonly stage: string; readonly reason: string }

/** What stands on the machine, as far as it can be seen from outside. */
export interface Standing {
  /** The generation that nginx and the core are told to read; undefined before the first one. */
  readonly current: string | undefined
  /** The one that nginx runs, by its own word: an older one where they are the same to nginx. */
  readonly running: string | undefined
  /** What somebody changed by hand: `registry.yml changed`. */
  readonly drift: readonly string[]
  /** Generations of nginx's workers that only end what they have begun. */
  readonly draining: number
}

/** What nginx and the core run on: turns what is meant into files, and puts files in force. */
export abstract class Generations {
  /** @throws ProductError `invalid` for what cannot be rendered */
  abstract render(intent: Intent): Promise<Rendered>
  /** Tests, swaps, reloads, and probes; what is refused has changed nothing. */
  abstract apply(rendered: Rendered): Promise<Applied>
  abstract look(): Promise<Standing>
  /** Files of certificates that nginx reads, or may be sent back to. */
  abstract certificateFiles(): Promise<ReadonlySet<string>>
}

/** What was meant under other variables, or by another version, may be none to us: the API must be there then to mend it. */
export async function renderOrRefuse(generations: Generations, intent: Intent): Promise<Rendered | Applied> {
  try {
    return await generations.render(intent)
  } catch (error) {
    if (!(error instanceof ProductError)) throw error
    return { outcome: 'refused', stage: 'settings', reason: error.message }
  }
}
