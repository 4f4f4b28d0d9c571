import { findProgram } from '#control/box/find-program.js'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'

import { generationFolder } from '#control/front/applying/apply-places.js'
import { type FoundAtStart, undoUnproved } from '#control/front/applying/undo-unproved.js'
import { systemClock } from '#control/system/clock.js'
import { APPLY_SCRIPT } from '#front/render.js'
import { describeNeeding } from '../support/needs.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { useAppliedBox } from './applied-box.js'
import { NEEDS } from './suite.js'

const PROGRAM = path.join(import.meta.dirname, '../programs/apply.js')
const [program] = await nginxPrograms()

describeNeeding(NEEDS, 'an apply that is killed', () => {
  const box = useAppliedBox(program)

  /** A program that kills the whole group of processes it is one of, the applying one too, when `where` says so. */
  function killing(name: string, real: string, where: string): string {
    const folder = path.join(box().folder, 'killing')
    mkdirSync(folder, { recursive: true })
    const file = path.join(folder, name)
    const [before, after] = where.replaceAll(' ', '\\ ').split('|')
    const lines = [
      '#!/bin/sh',
      ...(before ? [`case "$*" in ${before}) kill -9 0 ;; esac`] : []),
      `'${real}' "$@" || exit`,
      ...(after ? [`case "$*" in ${after}) kill -9 0 ;; esac`] : []),
    ]
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o755 })
    return file
  }

  /** Runs the applying process to its end, which is not its own. */
  async function applyKilled(id: string, programs: { applyScript?: string }, folder?: string): Promise<void> {
    const { places } = box()
    const candidate = box().candidate(id, { front: { maxUploadSize: `${100 + id.length}m` } })
    const task = path.join(box().folder, 'task.json')
    writeFileSync(task, JSON.stringify({ candidate, places, programs: { ...box().programs, ...programs } }))
    const found = process.env['PATH'] ?? ''
    const child = spawn(process.execPath, [PROGRAM, task], {
      detached: true, // a group of its own
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PATH: folder === undefined ? found : `${folder}:${found}` },
    })
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect(signal).toBe('SIGKILL')
  }

  async function serves(): Promise<readonly number[]> {
    const { local, mirror } = box().ports
    const asked = [local, mirror].map((port) => fetch(`http://127.0.0.1:${port}/v2/`))
    return (await Promise.all(asked)).map(({ status }) => status)
  }

  function nextStart(): Promise<FoundAtStart> {
    const { places, programs } = box()
    return undoUnproved({ places, programs, clock: systemClock })
  }

  test.each([
    ['before it is tested', 'test *|', 'settled'],
    ['when it was tested', '|test *', 'settled'],
    ['before the swap', 'swap *|', 'settled'],
    ['after the swap', '|swap *', 'undone'],
    ['before nginx hears of it', 'reload|', 'undone'],
    ['when nginx has heard of it', '|reload', 'undone'],
    ['before it is kept', 'keep *|', 'undone'],
  ])('%s leaves nginx and the core on the last good generation', async (_, where, state) => {
    const id = where.replaceAll(/[^a-z]/g, '')
    await applyKilled(id + where.indexOf('|'), { applyScript: killing('apply.sh', APPLY_SCRIPT, where) })
    expect(await serves()).toEqual([200, 200])
    expect(await nextStart()).toMatchObject({ state, current: 'first', drift: [] })
    expect(await box().running()).toBe('first')
    expect(await serves()).toEqual([200, 200])
  })

  test('in the middle of the swap leaves the link as it was', async () => {
    killing('mv', findProgram('mv') ?? '', '*|')
    await applyKilled('middle', {}, path.join(box().folder, 'killing'))
    expect(await nextStart()).toMatchObject({ state: 'settled', current: 'first' })
    expect(await box().running()).toBe('first')
  })

  test('in the middle of writing leaves nothing of it', async () => {
    const unfinished = generationFolder(box().places, '.half')
    mkdirSync(unfinished)
    writeFileSync(path.join(unfinished, 'nginx.conf'), 'events {')
    expect(await nextStart()).toMatchObject({ state: 'settled', current: 'first' })
    expect(existsSync(unfinished)).toBe(false)
  })

  test('once it is kept it is in force, and stays so at the next start', async () => {
    await applyKilled('kept', { applyScript: killing('apply.sh', APPLY_SCRIPT, '|keep *') })
    expect(await nextStart()).toMatchObject({ state: 'settled', current: 'kept', drift: [] })
    expect(await box().running()).toBe('kept')
    expect(readFileSync(path.join(box().places.config, 'current/nginx.conf'), 'utf8')).toContain('104m')
  })
})
