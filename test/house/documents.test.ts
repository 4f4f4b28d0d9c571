import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

const ROOT = path.join(import.meta.dirname, '../../..')

interface PackageJson {
  readonly scripts: Readonly<Record<string, string>>
}

const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as PackageJson

const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n')

/** Headings as the anchors that code hosts make of them. */
function anchorsOf(page: string): readonly string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(pages)('%s', (name) => {
  const page = path.join(ROOT, name)
  const text = readFileSync(page, 'utf8')

  test('leads to pages and headings that are there', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link)
    const dead = links.filter((link) => {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? page : path.join(path.dirname(page), file)
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    expect(dead).toEqual([])
  })

  test('names scripts that package.json has', () => {
    const named = [...text.matchAll(/npm (?:run )?(start|test(?::deep)?|(?<=run )[\w:]+)\b/g)]
    expect(named.map(([, script = '']) => script).filter((script) => !(script in scripts))).toEqual([])
  })
})
