import type { Intent } from './intent.js'

/** A rendered file; the path is below the folder of its generation. */
export interface RenderedFile {
  readonly path: string
  readonly mode: number
  readonly text: string
}

/** What became of a configuration that was tried. */
export type Applied =
  | { readonly outcome: 'applied' }
  | { readonly outcome: 'refused'; readonly stage: string; readonly reason: string }

/** The box below the control plane: turns what is meant into files, and puts files in force. */
export abstract class Box {
  /** @throws ProductError `invalid` for what cannot be rendered */
  abstract render(intent: Intent): Promise<readonly RenderedFile[]>
  /** Tests, swaps, reloads, and probes; what is refused has changed nothing. */
  abstract apply(files: readonly RenderedFile[]): Promise<Applied>
}
