import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const PAGES = path.join(import.meta.dirname, '../../../docs/clients')

/** Where a test has what the pages have on 127.0.0.1:5000 and 127.0.0.1:5001, as host:port. */
export interface Addresses {
  readonly registry: string
  readonly mirror: string
}

/** The lines of a page that people copy: a file, by its path, or commands, by the word behind `sh`. */
export interface Block {
  readonly language: string
  readonly mark: string
  readonly text: string
}

/** Every block of `docs/clients/<page>.md`. */
export function readBlocks(page: string): readonly Block[] {
  const text = readFileSync(path.join(PAGES, `${page}.md`), 'utf8')
  return [...text.matchAll(/^```(\S*) *(.*)\n([^]*?)^```$/gm)].map(([, language, mark, lines]) => ({
    language: language ?? '',
    mark: mark ?? '',
    text: lines ?? '',
  }))
}

/** One of them, for a registry and a mirror that listen elsewhere. */
export function readBlock(page: string, mark: string, { registry, mirror }: Addresses): string {
  const block = readBlocks(page).find((one) => one.mark === mark)
  if (block === undefined) throw new Error(`docs/clients/${page}.md has no block ${mark}`)
  return block.text.replaceAll('127.0.0.1:5000', registry).replaceAll('127.0.0.1:5001', mirror)
}

/** Writes the files of a page that belong below a folder of the system (`/etc/docker/`) into another one. */
export function writeFiles(page: string, system: string, folder: string, addresses: Addresses): void {
  for (const { mark } of readBlocks(page)) {
    if (!mark.startsWith(system)) continue
    const file = path.join(folder, mark.slice(system.length))
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, readBlock(page, mark, addresses))
  }
}
