import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { BOX_VARIABLES } from '#control/box/box-settings.js'

const ROOT = path.join(import.meta.dirname, '..', '..', '..')

function readPage(name: string): string {
  return readFileSync(path.join(ROOT, 'docs', name), 'utf8')
}

describe('docs', () => {
  test('reference/settings.md has every variable that npm start understands, and no other', () => {
    const [, section = ''] = readPage('reference/settings.md').split('## What `npm start` reads')
    const [table = ''] = section.split('\n## ')
    const named = [...table.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name = '']) => name)
    expect(named.toSorted()).toEqual(BOX_VARIABLES.toSorted())
  })

  test('architecture.md has every room of control-plane/src', () => {
    const page = readPage('architecture.md')
    const [, rooms = ''] = page.split('\ncontrol-plane/src/ ')
    const names = readdirSync(path.join(ROOT, 'control-plane/src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
    expect(names.filter((name) => !rooms.includes(` ${name}/ `))).toEqual([])
  })

  test.each(['running-the-box.md', 'certificates.md'])(
    'operations/%s names only variables that npm start understands',
    (name) => {
      const named = readPage(`operations/${name}`).match(/\bENTREPOT_[A-Z_]+\b/g) ?? []
      expect(named.length).toBeGreaterThan(0)
      expect(named.filter((one) => !BOX_VARIABLES.includes(one))).toEqual([])
    },
  )
})
