import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { makeRegistryCore } from '#core/cli/program.js'
import { makeRegistry } from '#core/cli/registry-program.js'
import { runCommand } from '#core/cli/run-command.js'
import { REGISTRY2 } from '#core/config/registry2.js'
import { describeSettings } from '#core/config/schema.js'
import { ERRORS } from '#core/http/errors.js'
import { ROUTES } from '#core/http/routes.js'
import { TROUBLES } from '#core/mirror/upstream/upstream-failure.js'
import { FAILURES } from '#core/oci/failure.js'
import { openMetrics } from '#core/system/metrics.js'

const WORKSPACE = path.join(import.meta.dirname, '../..')
const SOURCES = path.join(WORKSPACE, 'src')

function readPage(name: string): string {
  return readFileSync(path.join(WORKSPACE, '../docs/reference', name), 'utf8')
}

/** The rows of the page's tables whose first cell is code, as cells without their backquotes. */
function rowsOf(page: string): readonly (readonly string[])[] {
  return readPage(page)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
    )
}

function sorted(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((cells) => cells.join(' | ')).toSorted()
}

describe('the reference pages say what the code does', () => {
  test('each failure stands in errors.md with its status and code, and no other', () => {
    const documented = rowsOf('errors.md').map(([failure, status, code]) => [failure, status, code])
    expect(sorted(documented)).toEqual(
      sorted(FAILURES.map((failure) => [failure, ERRORS[failure].status, ERRORS[failure].code])),
    )
  })

  test('each setting stands in settings.md with its meaning, and no other', () => {
    const documented = rowsOf('settings.md').filter(([key = '']) => !/^[A-Z_]+$/.test(key)) // variables
    expect(sorted(documented.map(([key, , , meaning]) => [key, meaning]))).toEqual(
      sorted(describeSettings().map(({ key, description }) => [key, description])),
    )
  })

  test('each key of registry:2 stands in registry2-configuration.md with what becomes of it, and no other', () => {
    const documented = rowsOf('registry2-configuration.md').map(([key, verdict, why]) => [key, verdict, why])
    const inCode = REGISTRY2.map(({ key, verdict }) => [
      key,
      verdict.kind,
      'why' in verdict ? verdict.why : '',
    ])
    expect(sorted(documented)).toEqual(sorted(inCode))
  })

  test('each route stands in api.md with the right that it needs, and no other', () => {
    const served = Object.entries(ROUTES).flatMap(([kind, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== 'HEAD')
        .map(([method, row]) => [kind, method, 'action' in row ? row.action : undefined]),
    )
    const documented = rowsOf('api.md').map(([kind, method, right = '']) => [
      kind,
      method,
      ['pull', 'push', 'delete'].includes(right) ? right : undefined,
    ])
    expect(sorted(documented)).toEqual(sorted(served))
  })

  test('each metric of ours stands in metrics.md with its meaning, and no other', async () => {
    const metrics = openMetrics({
      ...{ load: { requests: 0, uploads: 0 }, droppedLogLines: () => 0 },
      strays: { droppedLogins: 0, misdirected: 0 },
    })
    const counted = [...(await metrics.text()).matchAll(/^# HELP (registry_\S+) (.*)$/gm)]
    const ofTheCore = rowsOf('metrics.md').filter(([name = '']) => name.startsWith('registry_'))
    expect(sorted(ofTheCore.map(([name, , , meaning]) => [name, meaning]))).toEqual(
      sorted(counted.map(([, name, help]) => [name, help])),
    )
  })

  test('each trouble with an upstream stands in upstream-outages.md with what follows, and no other', () => {
    const inCode = Object.entries(TROUBLES).map(([trouble, { says, notCached, ...outage }]) => [
      ...[trouble, says, outage.isGone ? '200, stale, noted as gone' : '200, stale', 404],
      ...[notCached === 404 ? 404 : 503, outage.breaker, outage.isRemembered ? 'rests 10 s' : 'is asked'],
    ])
    expect(sorted(rowsOf('upstream-outages.md'))).toEqual(sorted(inCode))
  })

  test('each command and each of its options stands in cli.md with its meaning', async () => {
    const page = readPage('cli.md')
    for (const [program, makeProgram] of PROGRAMS)
      for (const command of await commandNames(makeProgram)) {
        expect(page).toContain(`## \`${program} ${command} `)
        const options = (await help(makeProgram, command)).matchAll(OPTION)
        for (const [, name = '', meaning = ''] of options)
          expect(page).toContain(`- \`${name}\`: ${meaning.replaceAll(/\s+/g, ' ')}`)
      }
  })
})

describe('docs/architecture.md', () => {
  const rooms = readFileSync(path.join(WORKSPACE, '../docs/architecture.md'), 'utf8')

  test.each(['registry-core/src', 'test'])('has every room of %s', (folder) => {
    const entries = readdirSync(path.join(WORKSPACE, '..', folder), { withFileTypes: true })
    const names = entries
      .filter((entry) => entry.isDirectory() && entry.name !== 'dist')
      .map(({ name }) => name)
    expect(names.filter((name) => !rooms.includes(` ${name}/ `))).toEqual([])
  })
})

const PROGRAMS = [
  ['registry-core', makeRegistryCore],
  ['registry', makeRegistry],
] as const
type MakeProgram = (typeof PROGRAMS)[number][1]
const OPTION = /^ {2}((?:-[^h], )?--\S+) {2,}(.*(?:\n {10,}.*)*)/gm

async function help(makeProgram: MakeProgram, ...command: readonly string[]): Promise<string> {
  let text = ''
  const write = (part: string) => {
    text += part
  }
  const run = { terminal: { out: write, error: write }, environment: {} }
  expect(await runCommand(makeProgram, [...command, '--help'], run)).toBe(0)
  return text
}

async function commandNames(makeProgram: MakeProgram): Promise<readonly string[]> {
  const names = [
    ...(await help(makeProgram)).matchAll(/^ {2}([a-z-]+) (?:\[options\] )?[<[](?!command)/gm),
  ].map(([, name = '']) => name)
  expect(names).toContain('serve')
  return names
}

describe('what a linter cannot see', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => ({ name, text: readFileSync(path.join(SOURCES, name), 'utf8') }))

  function matching(pattern: RegExp): readonly string[] {
    return files.filter(({ text }) => pattern.test(text)).map(({ name }) => name)
  }

  test('the time of day is asked for in one file', () => {
    expect(matching(/new Date\(\)|\bDate\(\)/)).toEqual(['system/clock.ts'])
  })

  test('every file is named in kebab-case, and none for what it is not', () => {
    const names = files.map(({ name }) => path.basename(name, '.ts'))
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([])
    expect(names.filter((name) => /^(index|utils?|helpers?|common|shared)$/.test(name))).toEqual([])
  })

  test('no code waits for its issue', () => {
    expect(matching(/\b(TODO|FIXME|XXX)\b(?!.*#\d)/)).toEqual([])
  })
})
