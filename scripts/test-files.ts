import fs from 'node:fs'
import path from 'node:path'
import type { Lane } from './lanes.ts'

export const ROOT = path.join(import.meta.dirname, '..')

export interface TestFile {
  /** The source, relative to the repository. */
  readonly source: string
  /** What jest runs: the compiled file. */
  readonly built: string
}

interface Tsconfig {
  readonly references: readonly { readonly path: string }[]
  readonly compilerOptions: { readonly rootDir: string; readonly outDir?: string }
}

function readTsconfig(folder: string): Tsconfig {
  return JSON.parse(fs.readFileSync(path.join(ROOT, folder, 'tsconfig.json'), 'utf8')) as Tsconfig
}

/** Every test of every project that the build makes. */
function findTestFiles(): TestFile[] {
  return readTsconfig('.').references.flatMap(({ path: folder }) => {
    const { rootDir, outDir } = readTsconfig(folder).compilerOptions
    if (outDir === undefined) return []
    const sources = path.join(folder, rootDir)
    const names = fs.globSync('**/*.test.ts', {
      cwd: path.join(ROOT, sources),
      exclude: ['**/node_modules', '**/dist'],
    })
    return names.sort().map((name) => ({
      source: path.join(sources, name),
      built: path.join(ROOT, folder, outDir, name.replace(/\.ts$/, '.js')),
    }))
  })
}

function isDeep(source: string): boolean {
  return source.endsWith('.deep.test.ts')
}

function isBelow(source: string, places: readonly string[]): boolean {
  return places.some((place) => source === place || source.startsWith(`${place}/`))
}

function isOf({ folders, except = [] }: Lane, source: string): boolean {
  return isBelow(source, folders) && !isBelow(source, except)
}

export interface Assignment {
  readonly files: ReadonlyMap<Lane, readonly TestFile[]>
  /** Sentences: a test without a lane or with two, a lane without a test. Each is a failure of the run. */
  readonly faults: readonly string[]
}

export function assignTests(lanes: readonly Lane[], deep: Lane): Assignment {
  const files = new Map<Lane, TestFile[]>([...lanes, deep].map((lane) => [lane, []]))
  const faults: string[] = []
  for (const file of findTestFiles()) {
    const takers = isDeep(file.source) ? [deep] : lanes.filter((lane) => isOf(lane, file.source))
    if (takers.length !== 1)
      faults.push(`${file.source} must be in one lane of scripts/lanes.ts, it is in ${takers.length}`)
    for (const lane of takers.slice(0, 1)) files.get(lane)?.push(file)
  }
  for (const lane of lanes) {
    if (files.get(lane)?.length === 0) faults.push(`lane "${lane.name}" of scripts/lanes.ts has no test`)
  }
  return { files, faults }
}

/**
 * What `npm test -- WORD...` runs: lanes of that name whole, of the others the tests whose path has the word. Without a
 * word, everything. A word that means nothing is a fault.
 */
export function chooseTests(files: Assignment['files'], words: readonly string[]): Assignment {
  const names = [...files.keys()].map(({ name }) => name)
  const parts = words.filter((word) => !names.includes(word))
  const found = [...files].map(([lane, all]): [Lane, readonly TestFile[]] => {
    const isWhole = words.length === 0 || words.includes(lane.name)
    return [lane, isWhole ? all : all.filter(({ source }) => parts.some((part) => source.includes(part)))]
  })
  const faults = parts
    .filter((part) => !found.some(([, tests]) => tests.some(({ source }) => source.includes(part))))
    .map((part) => `no lane is "${part}", and no test has that in its path: there are ${names.join(', ')}`)
  return { files: new Map(found.filter(([, tests]) => tests.length > 0)), faults }
}
