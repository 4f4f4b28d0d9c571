import { readdirSync } from 'node:fs'
import path from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { UPSTREAM_HOSTS } from '#control/upstreams/upstreams.service.js'
import { readYaml } from '#core/config/yaml-text.js'
import { readBlock, readBlocks } from '../support/client-page.js'

const ROOT = path.join(import.meta.dirname, '../../..')
const PAGES = readdirSync(path.join(ROOT, 'docs/clients')).map((file) => path.basename(file, '.md'))
/** What of TOML the pages use: tables, and keys with a text, a number, true, or a list of texts. */
const TOML_LINE = /^\s*(?:\[{1,2}[\w.":/-]+\]{1,2}|[\w]+ = (?:"[^"]*"|\d+|true|\["[^"]*"(?:, "[^"]*")*\]))?$/

function mistakesOf(language: string, text: string): readonly string[] {
  switch (language) {
    case 'sh':
      return []
    case 'json':
    case 'yaml': {
      const reading = readYaml(text) // JSON is YAML
      return 'errors' in reading ? reading.errors : reading.repeated
    }
    case 'toml':
      return text.split('\n').filter((line) => !TOML_LINE.test(line))
    default:
      return [`${language} is none of sh, json, yaml, toml`]
  }
}

describe.each(PAGES)('docs/clients/%s.md', (page) => {
  const blocks = readBlocks(page)

  test('marks each of its blocks, none like another, so that tests can read them', () => {
    const marks = blocks.map(({ mark }) => mark)
    expect(marks).not.toContain('')
    expect(new Set(marks).size).toBe(marks.length)
    expect(blocks.length).toBeGreaterThan(1)
  })

  test.each(blocks)('has $mark in its language', ({ language, text }) => {
    expect(mistakesOf(language, text)).toEqual([])
  })

  test('names the ports of npm start, and registries that it mirrors', () => {
    const text = blocks.map((block) => block.text).join('\n')
    const addresses = new Set([...text.matchAll(/127\.0\.0\.1:\d+/g)].map(([address]) => address))
    expect([...addresses].filter((address) => !/:500[01]$/.test(address))).toEqual([])
    const hosts = [...text.matchAll(/(?<![\w./-])(?:[a-z0-9-]+\.)+(?:io|com|co)(?=[/"\s:]|$)/g)].map(
      ([host]) => host,
    )
    expect(hosts.filter((host) => ![...UPSTREAM_HOSTS, 'registry-1.docker.io'].includes(host))).toEqual([])
  })
})

test('a block is read for other addresses, and one that is not there is named', () => {
  const addresses = { registry: 'a:1', mirror: 'b:2' }
  expect(JSON.parse(readBlock('docker', '/etc/docker/daemon.json', addresses))).toEqual({
    'registry-mirrors': ['http://b:2'],
  })
  expect(readBlock('podman', 'push', addresses)).toContain(' a:1/team/busybox')
  expect(() => readBlock('docker', 'dance', addresses)).toThrow('docs/clients/docker.md has no block dance')
})
