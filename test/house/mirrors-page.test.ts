import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { readSettings } from '#core/config/read-settings.js'

const ROOT = path.join(import.meta.dirname, '../../..')
const PAGE = readFileSync(path.join(ROOT, 'docs/mirrors.md'), 'utf8')
const SOURCES = path.join(ROOT, 'registry-core/src')

describe('docs/mirrors.md', () => {
  let folder: string
  let sources: string
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    const texts = files
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => readFileSync(path.join(SOURCES, name), 'utf8'))
    sources = texts.join('\n')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each([...PAGE.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => [text]))(
    'has settings that are taken: %s',
    (text) => {
      const file = path.join(folder, 'config.yml')
      const storage = `storage: {filesystem: {rootdirectory: ${folder}}}`
      writeFileSync(file, `version: 0.1\n${storage}\nhttp: {addr: ':5000'}\n${text}`)
      const { reading } = readSettings(file, {})
      expect(reading.notices).toEqual([])
    },
  )

  test('quotes sentences that the product says', () => {
    const table = PAGE.slice(PAGE.indexOf('| it says |'), PAGE.indexOf('Without a sentence:'))
    const rows = table.split('\n').slice(2)
    const quoted = rows.flatMap((row) =>
      [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
    )
    expect(quoted.length).toBeGreaterThan(15)
    const parts = quoted.flatMap((sentence) => sentence.split('…').map((part) => part.trim()))
    expect(parts.filter((part) => !sources.includes(part))).toEqual([])
  })

  test('names metrics and settings that there are', () => {
    const metrics = readFileSync(path.join(ROOT, 'docs/reference/metrics.md'), 'utf8')
    const named = [...PAGE.matchAll(/`(registry_\w+)/g)].map(([, name = '']) => name)
    expect(named.filter((name) => !metrics.includes(`\`${name}\``))).toEqual([])
    const settings = readFileSync(path.join(ROOT, 'docs/reference/settings.md'), 'utf8')
    const keys = [...PAGE.matchAll(/`((?:overlay|mirrors|listeners\[\])\.\w+)`/g)].map(([, key = '']) => key)
    expect(keys.filter((key) => !settings.includes(`\`${key}`))).toEqual([])
  })
})
