import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { PORT_VARIABLES } from '#control/box/box-settings.js'
import { eligibleBlobs } from '../support/distribution.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { eventually } from '../support/eventually.js'
import { ImageLayout, type LayoutImage } from '../support/image-layout.js'
import { freePort, type RunningProcess, startProcess } from '../support/processes.js'
import { StateFolder } from '../support/state-folder.js'
import { startDockerRegistry } from '../support/targets.js'

const ROOT = path.join(import.meta.dirname, '../../..')
const PROGRAM = path.join(ROOT, 'control-plane/dist/box/main.js')

/** What `npm start` runs, without the build before it: the tests run from what is built. */
describe('the registry of npm start', () => {
  let state: StateFolder
  let daemon: DockerDaemon
  let ports: readonly number[]
  let data: string
  let made: LayoutImage
  let reference: string
  let running: RunningProcess | undefined

  beforeAll(async () => {
    state = new StateFolder()
    daemon = await DockerDaemon.start(state.join('docker'), {
      title: 'dockerd 20.10',
      suite: 'own',
      store: 'graph driver',
    })
    ports = await Promise.all(Object.keys(PORT_VARIABLES).map(freePort))
    data = state.join('data')
    reference = `127.0.0.1:${ports[0]}/team/app`
  })
  afterAll(async () => {
    await running?.stop()
    await state.destroy()
  })

  /** Answers what it says when it serves. */
  async function npmStart(): Promise<string> {
    const own = Object.values(PORT_VARIABLES).map((name, at) => [name, String(ports[at])])
    const environment = { ENTREPOT_DATA: data, ...Object.fromEntries(own) }
    const program = await startProcess(process.execPath, [PROGRAM], { cwd: ROOT, environment })
    running = program
    const isSaid = (): boolean => program.log().includes('docker push')
    await eventually('npm start says that it serves', isSaid, { deadlineMs: 90_000 })
    return program.log()
  }

  async function expectPull(): Promise<void> {
    await daemon.forget(reference)
    await daemon.docker('pull', reference)
    expect((await daemon.identity(reference)).id).toBe(made.config.digest)
    expect(await daemon.docker('run', '--rm', '--network', 'none', reference)).toBe(made.prints)
  }

  test('takes the first push, and has it after kill -9 and a new start', async () => {
    const said = await npmStart()
    const layout = new ImageLayout(state.join('layout'))
    made = layout.addImage(`${reference}:latest`, { seed: 'npm start', layers: 3, layerBytes: 1_000_000 })
    await daemon.load(layout.folder)
    await daemon.push(reference)
    process.kill(Number(/process (\d+)/.exec(said)?.[1]), 'SIGKILL')
    await running?.ended
    await npmStart()
    await expectPull()
  })

  test('leaves a folder that docker-registry serves, and serves what that leaves', async () => {
    await running?.stop()
    const theirs = await startDockerRegistry({ root: path.join(data, 'store'), port: ports[0] ?? 0 })
    await expectPull()
    await daemon.docker('tag', reference, `${reference}:theirs`)
    await daemon.docker('push', `${reference}:theirs`)
    await theirs.remove()
    await npmStart()
    await expectPull()
    await daemon.docker('pull', `${reference}:theirs`)
    expect(await eligibleBlobs(path.join(data, 'store'))).toEqual([])
  })
})
