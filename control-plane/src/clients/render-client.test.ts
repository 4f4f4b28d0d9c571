import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from '@jest/globals'

import { parseDocument } from 'yaml'

import type { ClientBox } from './client-box.js'
import { CLIENT_SYSTEMS, type ClientFiles } from './client-files.js'
import { GOLDEN_BOXES } from './golden-examples.js'
import { hasInstallScript, installScript } from './install-script.js'
import { renderClient } from './render-client.js'

const GOLDEN = fileURLToPath(new URL('../../golden/clients/', import.meta.url))
const EXAMPLES = Object.entries(GOLDEN_BOXES).flatMap(([name, box]) =>
  CLIENT_SYSTEMS.map((system) => ({ name: `${name}/${system}`, system, box })),
)

const MIRROR = 'https://box.example:5444'
const BOX: ClientBox = GOLDEN_BOXES.open

/** `UPDATE_GOLDEN=1` writes the examples anew: for a change that is meant, to be read in its diff. */
if (process.env['UPDATE_GOLDEN'] === '1') {
  for (const { name, system, box } of EXAMPLES) {
    rmSync(path.join(GOLDEN, name), { recursive: true, force: true })
    for (const [file, text] of Object.entries(textsOf(renderClient(system, box), box))) {
      mkdirSync(path.dirname(path.join(GOLDEN, name, file)), { recursive: true })
      writeFileSync(path.join(GOLDEN, name, file), text)
    }
  }
}

/** The files, and beside them as one JSON what is to be done with them; of one box the script that does it, too. */
function textsOf({ files, ...rest }: ClientFiles, box: ClientBox): Readonly<Record<string, string>> {
  const named = files.map(({ path: file, only, text }) => {
    const name = only === undefined ? file : `${file} (${only})`
    // A colon is no letter of a file's name everywhere.
    return [path.join('files', name).replaceAll(':', '_').replace('~', 'home'), text] as const
  })
  const facts = files.map(({ path: file, mode, merge, only }) => ({
    ...{ path: file, mode: mode.toString(8), merge },
    ...(only !== undefined && { only }),
  }))
  const client = `${JSON.stringify({ ...rest, files: facts }, undefined, 2)}\n`
  const script =
    box === BOX && hasInstallScript(rest.system) ? { 'install.sh': installScript(rest.system, box) } : {}
  return { ...Object.fromEntries(named), 'client.json': client, ...script }
}

function filesBelow(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Object.fromEntries(
    files
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => {
        const file = path.join(parentPath, name)
        return [path.relative(folder, file), readFileSync(file, 'utf8')]
      }),
  )
}

test.each(EXAMPLES)('$name is rendered as its golden example', ({ name, system, box }) => {
  expect(textsOf(renderClient(system, box), box)).toEqual(filesBelow(path.join(GOLDEN, name)))
})

describe.each(CLIENT_SYSTEMS)('%s', (system) => {
  test('names only registries that the box mirrors, and the box', () => {
    const { files } = renderClient(system, BOX)
    const hosts = files
      .filter(({ text }) => !text.startsWith('-----BEGIN'))
      .flatMap(({ text }) => [...text.matchAll(/https?:\/\/([^"/\s\],]+)/g)].map(([, host]) => host))
    const known = ['box.example:5443', 'box.example:5444', 'quay.io', 'registry-1.docker.io']
    expect(hosts.filter((host) => host === undefined || !known.includes(host))).toEqual([])
  })

  test('has its YAML and its JSON in their language', () => {
    const { files } = renderClient(system, BOX)
    const yaml = files.filter(({ path: file }) => /\.(ya?ml|json)$/.test(file)) // JSON is YAML
    expect(yaml.flatMap(({ text }) => parseDocument(text).errors)).toEqual([])
    const json = files.filter(({ path: file }) => file.endsWith('.json'))
    const mirrors = { 'registry-mirrors': [MIRROR] }
    expect(json.map(({ text }) => JSON.parse(text) as unknown)).toEqual(json.map(() => mirrors))
  })

  test('has no path twice in one form', () => {
    const paths = renderClient(system, BOX).files.map(({ path: file, only }) => `${file} ${only ?? ''}`)
    expect(new Set(paths).size).toBe(paths.length)
  })

  test('shows no secret to others where a file holds one', () => {
    const withSecret = renderClient(system, GOLDEN_BOXES.account).files.filter(({ text }) =>
      /Authorization|password/.test(text),
    )
    expect(withSecret.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([])
  })
})

describe('what cannot stand in a client file is refused by its name', () => {
  test.each<[string, Partial<ClientBox>]>([
    ['host', { host: 'box.example"' }],
    ['host', { host: 'box example' }],
    ['host', { host: 'https://box.example' }],
    ['host', { host: '$(reboot)' }],
    ['mirrorHost', { mirrorHost: 'a\nb' }],
    ['ports.mirrorTls', { ports: { registryTls: 1, mirrorTls: 70_000 } }],
    ['ports.registryTls', { ports: { registryTls: 0, mirrorTls: 1 } }],
    ['upstreams', { upstreams: [{ host: '../../etc', aliases: [] }] }],
    ['upstreams', { upstreams: [{ host: 'quay.io', aliases: ['a"]'] }] }],
    ['probe', { probe: 'a;reboot' }],
    ['caPem', { caPem: 'no certificate' }],
    ['caPem', { caPem: `${BOX.caPem}ENTREPOT\nreboot\n` }],
    ['caFingerprint', { caFingerprint: 'AA:BB' }],
  ])('%s', (setting, changes) => {
    expect(() => renderClient('docker', { ...BOX, ...changes })).toThrow(expect.objectContaining({ setting }))
  })
})

test('the port of https is left out, but not behind a name that would be taken for a folder on Docker Hub', () => {
  const ports = { registryTls: 443, mirrorTls: 443 }
  const listed = (host: string) => renderClient('docker', { ...BOX, host, ports }).files[0]?.text
  expect(listed('box.example')).toContain('"https://box.example"')
  expect(listed('box')).toContain('"https://box:443"')
  expect(listed('::1')).toContain('"https://[::1]:443"')
})
