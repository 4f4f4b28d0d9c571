import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { RenderedFile } from '@entrepot/front'

import { type ApplyPlaces, generationFolder } from './apply-places.js'

/** What nginx does not read of a generation, but the core and clients; all else may be nginx's. */
const OTHERS = /^(?:registry\.yml$|upstreams\/|ca\.pem$)/

/** Whether nginx would do with these files what it does with those of the generation that it runs. */
export async function isSameFront(
  places: Pick<ApplyPlaces, 'config'>,
  { id, files }: { readonly id: string; readonly files: readonly RenderedFile[] },
  running: string,
): Promise<boolean> {
  const folder = generationFolder(places, running)
  const compared = files.filter((file) => !OTHERS.test(file.path))
  const found = await Promise.all(compared.map((file) => readText(path.join(folder, file.path))))
  return compared.every(({ text }, at) => found[at] === renamed(places, text, { from: id, to: running }))
}

/** A generation's name stands in its paths, and in its answer to who asks. */
function renamed(
  places: Pick<ApplyPlaces, 'config'>,
  text: string,
  { from, to }: { readonly from: string; readonly to: string },
): string {
  return text
    .replaceAll(`${generationFolder(places, from)}/`, () => `${generationFolder(places, to)}/`)
    .replaceAll(`return 200 ${from};`, () => `return 200 ${to};`)
}

/** `undefined` when there is none: somebody took it away. */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return undefined
  }
}
