/** A file to be written; the path is below the generation's folder, or the prefix where there is none. */
export interface RenderedFile {
  readonly path: string
  readonly mode: number
  readonly text: string
}
