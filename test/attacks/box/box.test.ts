import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { RunningBox } from '../../box/running-box.js'
import { NEEDS } from '../../front/suite.js'
import { describeNeeding } from '../../support/needs.js'
import { type NginxProgram, nginxPrograms } from '../../support/nginx-programs.js'
import { StateFolder } from '../../support/state-folder.js'
import { testBodies } from './bodies.js'
import { testCanary } from './canary.js'
import { testDataPath } from './data-path.js'
import { testGuards } from './guards.js'
import { testGuesses } from './guesses.js'
import { testTls } from './tls.js'

for (const program of await nginxPrograms()) {
  describeNeeding(NEEDS, `attacks on the box of npm start (nginx ${program.version})`, () => {
    let state: StateFolder | undefined
    let running: RunningBox | undefined
    const box = (): RunningBox => {
      if (running === undefined) throw new Error('the box does not run yet')
      return running
    }
    beforeAll(async () => {
      state = new StateFolder()
      const PATH = `${programFolder(state, program)}:${process.env['PATH'] ?? ''}`
      running = await RunningBox.open(state.join('box'), { PATH })
    })
    afterAll(async () => {
      await running?.stop()
      await state?.destroy()
    })

    test('runs the nginx that is meant', () => {
      // What newer ones want said otherwise.
      const isNew = !program.version.startsWith('1.22.')
      const conf = readFileSync(path.join(box().data, 'config/current/nginx.conf'), 'utf8')
      expect(conf.includes('http2 on;')).toBe(isNew)
    })
    testGuards(box)
    testBodies(box)
    testTls(box)
    testDataPath(box)
    testCanary(box)
    testGuesses(box)
    test('every part that was started still runs', () => {
      for (const part of ['registry-core', 'control plane', 'postgres'] as const)
        expect([part, box().runs(part)]).toEqual([part, true])
      expect(box().log()).not.toMatch(/ended|starts again|killed/)
    })
  })
}

/** A folder with this one as `nginx`. */
function programFolder(state: StateFolder, { command: [file, ...args] }: NginxProgram): string {
  const folder = state.join('bin')
  mkdirSync(folder, { recursive: true })
  const program = `${folder}/nginx`
  writeFileSync(program, `#!/bin/sh\nexec ${[file, ...args].join(' ')} "$@"\n`)
  chmodSync(program, 0o755)
  return folder
}
