import { readFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import type { LayoutImage } from '../support/image-layout.js'
import { DockerHost, HOSTS, REGISTRY_2_CONFIG, REPOSITORY } from './docker-host.js'

/** A command of the page, and what it says that it prints. */
interface Line {
  readonly heading: string
  readonly command: string
  readonly prints: readonly string[]
}

const PAGE = readFileSync(path.join(REPOSITORY, 'docs/moving-from-registry2.md'), 'utf8')
const COMPOSE_FILE = /```yaml\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? ''

/** What stands in the page's console blocks: `$` before what is typed, below it what it prints, `…` for whatever. */
function linesOf(page: string): readonly Line[] {
  const lines: { heading: string; command: string; prints: string[] }[] = []
  let heading = ''
  let isConsole = false
  for (const text of page.split('\n')) {
    if (text.startsWith('## ')) heading = text.slice('## '.length)
    else if (text.startsWith('```')) isConsole = text === '```console'
    else if (!isConsole) continue
    else if (text.startsWith('$ ')) lines.push({ heading, command: text.slice('$ '.length), prints: [] })
    else lines.at(-1)?.prints.push(text)
  }
  return lines
}

function patternOf(print: string): RegExp {
  const parts = print.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(parts.join('.*'))
}

const NAME = '127.0.0.1:5000/app'
const LINES = linesOf(PAGE)

describe.each(HOSTS)('docs/moving-from-registry2.md, typed with $title', (kind) => {
  let host: DockerHost
  let made: LayoutImage

  beforeAll(async () => {
    host = await DockerHost.startWithoutImage(kind)
    host.writeAll('theirs', { 'docker-compose.yml': COMPOSE_FILE, 'config.yml': REGISTRY_2_CONFIG })
    await host.typed('cd theirs && docker compose up -d 2>&1')
    await host.untilServed()
    made = await host.make(NAME)
    await host.daemon.push(NAME)
  }, 600_000) // the first time the base images are made
  afterAll(() => host.destroy())

  test('has commands to type', () => {
    expect(LINES.map(({ command }) => command)).toContain('docker compose up -d')
  })

  test.each(LINES)('$heading: $command', async ({ command, prints }) => {
    const folder = command.startsWith('docker build') ? REPOSITORY : host.join('theirs')
    if (command.startsWith('docker pull')) await host.daemon.forget(NAME)
    const { code, output } = await host.type(`cd ${folder}\n${command} 2>&1`)
    for (const print of prints) expect(output).toMatch(patternOf(print))
    expect({ code, output }).toMatchObject({ code: 0 })
    if (command.endsWith('up -d')) await host.untilServed()
  })

  test('at its end registry:2 has the folder back', async () => {
    expect(await host.pullAndRun(NAME)).toBe(made.prints)
    expect(await host.typed(`grep -c 'image: registry:2' theirs/docker-compose.yml`)).toBe('1\n')
    expect(await host.typed('curl -s http://127.0.0.1:5000/v2/_catalog')).toContain('["app"]')
  })
})
