import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { openApplyScript } from './apply-script.js'
import { type ApplyPlaces, generationFolder } from './apply-places.js'
import { testGeneration } from './test-generation.js'

/** Notes what it is called with; the core's program finds something in the generation `bad`. */
const SCRIPT = `#!/bin/sh
echo "$*" >>"$ENTREPOT_FRONT_PREFIX/calls"
case "$*" in *bad*core) echo "$ENTREPOT_CONFIG/generations/bad/registry.yml: it is bad" >&2; exit 11 ;; esac
case "$*" in *worse*nginx) echo 'nginx: [emerg] it is worse' >&2; exit 10 ;; esac
`

let folder: string
let places: ApplyPlaces
let core: Server | undefined

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const at = (name: string): string => path.join(folder, name)
  writeFileSync(at('apply.sh'), SCRIPT, { mode: 0o755 })
  places = {
    config: at('config'),
    prefix: folder,
    generationSocket: at('front.sock'),
    controlSocket: at('control.sock'),
  }
})
afterEach(() => {
  core?.closeAllConnections()
  core?.close()
  rmSync(folder, { recursive: true })
})

async function coreAnswers(answer: RequestListener): Promise<void> {
  core = createServer(answer).listen(places.controlSocket)
  await once(core, 'listening')
}

/** What it found, and which programs it has called for that. */
async function tested(id: string, isServed = true) {
  const script = openApplyScript(places, { applyScript: path.join(folder, 'apply.sh') })
  const outcome = await testGeneration(id, { isServed, places, script })
  const calls = path.join(folder, 'calls')
  return { ...outcome, calls: existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n').sort() : [] }
}

const BAD = { outcome: 'refused', stage: 'core', reason: 'registry.yml: it is bad' }

test('the core that runs is asked for its file, and no program starts when nginx serves the same', async () => {
  const asked: (string | null)[] = []
  await coreAnswers(({ method, url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://core')
    asked.push(`${method} ${pathname}`, searchParams.get('file'))
    const file = searchParams.get('file') ?? ''
    response.end(JSON.stringify({ isSound: !file.includes('/bad/'), said: `${file}: it is bad\n` }))
  })
  expect(await tested('fine')).toEqual({ outcome: 'sound', calls: [] })
  expect(asked).toEqual(['GET /check', path.join(generationFolder(places, 'fine'), 'registry.yml')])
  expect(await tested('bad')).toEqual({ ...BAD, calls: [] })
})

test('nginx is asked for what it does not serve yet, and its words come first', async () => {
  await coreAnswers((_request, response) => response.end(JSON.stringify({ isSound: false, said: 'no\n' })))
  expect(await tested('worse', false)).toEqual({
    ...{ outcome: 'refused', stage: 'nginx', reason: 'it is worse', calls: ['test worse nginx'] },
  })
})

test('the program is asked when no core runs', async () => {
  expect(await tested('fine')).toEqual({ outcome: 'sound', calls: ['test fine core'] })
  expect(await tested('bad', false)).toEqual({
    ...BAD,
    calls: ['test bad core', 'test bad nginx', 'test fine core'],
  })
})

const ANSWERS: Readonly<Record<string, RequestListener>> = {
  'an older one, without the question': (_, response) =>
    void response.writeHead(404).end('404 page not found'),
  'one that leaves it to the program': (_, response) => void response.writeHead(422).end('{}'),
  'one that says what is no JSON': (_, response) => void response.end('it is fine'),
  'one that says what means nothing': (_, response) => void response.end('{"isSound":"yes","said":""}'),
  'one that breaks off': (_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"isSound":true', () => response.destroy())
  },
  'one that never ends': (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  },
}

test.each(Object.keys(ANSWERS))('the program is asked when the core is %s', async (name) => {
  await coreAnswers(ANSWERS[name] ?? (() => undefined))
  expect(await tested('bad')).toEqual({ ...BAD, calls: ['test bad core'] })
})

test('a core that hangs is waited for two seconds', async () => {
  await coreAnswers(() => undefined)
  const from = performance.now()
  expect(await tested('bad')).toEqual({ ...BAD, calls: ['test bad core'] })
  expect(performance.now() - from).toBeLessThan(10_000)
})
