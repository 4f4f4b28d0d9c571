import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

import { errorPages } from '#front/error-pages.js'
import { GOLDEN_EXAMPLES } from '#front/golden-examples.js'
import { runToEnd } from '../support/processes.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const RENDER_FRONT = path.join(ROOT, 'nginx/bin/render-front.js')
const PAGE = readFileSync(path.join(ROOT, 'docs/reference/front.md'), 'utf8')

/** The cells of each row of the page's tables, by what the first one looks like. */
function rows(first: RegExp): readonly (readonly string[])[] {
  return PAGE.split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
    .filter(([cell]) => first.test(cell ?? ''))
}

function renderFront(...args: readonly string[]) {
  return runToEnd(process.execPath, [RENDER_FRONT, ...args])
}

describe('the page about the front', () => {
  test('lists each option of the command, and no other', async () => {
    const help = await renderFront('--help')
    expect(help.code).toBe(0)
    const options = [...help.stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option)
    expect(options.filter((option) => option !== '--help')).toEqual(rows(/^--/).map(([option]) => option))
  })

  test('lists each answer of nginx’s own with its failure, and no other', () => {
    const [settings] = Object.values(GOLDEN_EXAMPLES)
    if (settings === undefined) throw new Error('no example')
    const documented = rows(/^\d{3}$/).map(([status, failure]) => `${status} ${failure}`)
    const answered = errorPages(settings).map((page) => `${page.answered} ${page.failure}`)
    expect(new Set(documented)).toEqual(new Set(answered))
  })

  test('lists the fields of the access log', () => {
    const conf = readFileSync(path.join(ROOT, 'nginx/templates/log-format.hbs'), 'utf8')
    const fields = [...conf.matchAll(/"(\w+)":/g)].map(([, field]) => `\`${field}\``)
    expect(fields.length).toBeGreaterThan(10)
    expect(fields.filter((field) => !PAGE.includes(field))).toEqual([])
  })
})

describe('the command that renders', () => {
  const where = ['--core-socket', '/srv/core.sock', '--store-root', '/srv/store', '--nginx-version', '1.22.1']

  test('writes what it says, and how to start it', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    try {
      const prefix = path.join(folder, 'front')
      const run = await renderFront(
        '--prefix',
        prefix,
        ...where,
        '--http',
        '127.0.0.1:5000',
        '--http',
        '[::1]:5000',
      )
      expect([run.code, run.stdout]).toEqual([
        0,
        `start it with: nginx -p ${prefix} -c ${prefix}/nginx.conf\n`,
      ])
      const conf = readFileSync(path.join(prefix, 'nginx.conf'), 'utf8')
      expect(conf).toContain('listen 127.0.0.1:5000 ')
      expect(conf).toContain('listen [::1]:5000 ')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('gives each listener its view, and virtual hosts to all of them', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    try {
      const views = ['--http', '127.0.0.1:5001=mirror', '--http', '[::1]:5002=registry.example:5000']
      const virtual = ['--virtual-host', 'quay.io', '--virtual-host', 'registry-1.docker.io=docker.io']
      const run = await renderFront('--prefix', folder, ...where, ...views, ...virtual)
      expect(run.code).toBe(0)
      const conf = readFileSync(path.join(folder, 'nginx.conf'), 'utf8')
      const said = conf.matchAll(
        /^ {8}(listen [^ ;]+|server_name .*(?=;))| (X-Entrepot-(?:View|Upstream) .*(?=;))/gm,
      )
      const words = [...said].map(([, place, header]) => place ?? header)
      const twice = (...headers: readonly string[]): readonly string[] => [...headers, ...headers]
      const virtuals = (listen: string): readonly string[] => [
        ...[listen, 'server_name quay.io'],
        ...twice('X-Entrepot-View upstream', 'X-Entrepot-Upstream quay.io'),
        ...[listen, 'server_name registry-1.docker.io'],
        ...twice('X-Entrepot-View upstream', 'X-Entrepot-Upstream docker.io'),
      ]
      expect(words).toEqual([
        ...['listen 127.0.0.1:5001', ...twice('X-Entrepot-View mirror', 'X-Entrepot-Upstream ""')],
        ...virtuals('listen 127.0.0.1:5001'),
        'listen [::1]:5002',
        ...twice('X-Entrepot-View upstream', 'X-Entrepot-Upstream registry.example_5000'),
        ...virtuals('listen [::1]:5002'),
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test.each([
    ['an option that is missing', ['--http', '127.0.0.1:5000'], /--prefix is missing/],
    ['an option that nobody knows', ['--htpp', '127.0.0.1:5000'], /--htpp/],
    ['an address without a port', ['--prefix', '/srv/front', '--http', '127.0.0.1'], /no ADDRESS:PORT/],
    [
      'TLS without a certificate',
      ['--prefix', '/srv/front', '--tls', '127.0.0.1:5443'],
      /--certificate is missing/,
    ],
    [
      'a view that is none',
      ['--prefix', '/srv/front', '--http', '127.0.0.1:5000=quay'],
      /upstream: "quay" is refused/,
    ],
    [
      'a virtual host with a port',
      ['--prefix', '/srv/front', '--http', '127.0.0.1:5000', '--virtual-host', 'quay.io:443'],
      /virtualHosts: "quay.io:443" is refused/,
    ],
    [
      'a setting that is refused',
      ['--prefix', '/srv/a b', '--http', '127.0.0.1:5000'],
      /prefix: "\/srv\/a b" is refused/,
    ],
  ])('ends with 2 for %s, and says so', async (_, args, message) => {
    const run = await renderFront(...where, ...args)
    expect([run.code, run.stdout]).toEqual([2, ''])
    expect(run.stderr).toMatch(message)
  })

  test('ends with 3 when it cannot write', async () => {
    const run = await renderFront('--prefix', '/dev/null/front', ...where, '--http', '127.0.0.1:5000')
    expect(run.code).toBe(3)
    expect(run.stderr).toMatch(/ENOTDIR/)
  })
})
