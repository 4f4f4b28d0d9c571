import { describe, expect, test } from '@jest/globals'
import type { Clock } from '../system/clock.js'
import { type BoxOptions, openBox } from './box.js'
import type { Part } from './part.js'

/** Nothing is ever late: sleeps last until they are given up. */
const PATIENT: Clock = {
  now: () => new Date(0),
  elapsedMs: () => 0,
  sleep: (_ms, signal) =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    }),
}
/** Everything is late at once. */
const IMPATIENT: Clock = { ...PATIENT, sleep: async () => undefined }

/** Four parts that write down what happens to them; `hold` keeps one from serving. */
function stage(options: { hold?: string; fail?: string; clock?: Clock } & Partial<BoxOptions> = {}) {
  const events: string[] = []
  const said: string[] = []
  const held = Promise.withResolvers<void>()
  const configured = Promise.withResolvers<string | undefined>()
  const part = (name: string): Part => {
    let end: (how: string) => void = () => undefined
    return {
      name,
      async start() {
        events.push(name)
        if (name === options.fail) throw new Error(`${name} is broken`)
        if (name === options.hold) await held.promise
        const { promise: ended, resolve } = Promise.withResolvers<string>()
        end = resolve
        const stop = async (): Promise<void> => {
          events.push(`stop ${name}`)
          end('ended with code 0')
        }
        return { ended, stop }
      },
      kill: () => end('was ended by SIGKILL'),
    }
  }
  const parts = {
    postgres: part('postgres'),
    controlPlane: part('control plane'),
    core: part('core'),
    nginx: part('nginx'),
    ...options.parts,
  }
  const box = openBox({
    parts,
    configuration: options.configuration ?? 'usable',
    configured: configured.promise,
    clock: options.clock ?? PATIENT,
    say: (line) => said.push(line),
  })
  return {
    box,
    events,
    said,
    release: held.resolve,
    configured: (refusal?: string) => configured.resolve(refusal),
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe('the first start', () => {
  test('serves once the control plane has made a configuration, and not before', async () => {
    const { box, events, configured } = stage({ configuration: 'none' })
    const started = box.start()
    await turns()
    expect(events).toEqual(['postgres', 'control plane'])
    configured()
    expect(await started).toEqual({ withoutControlPlane: undefined })
    expect(events).toEqual(['postgres', 'control plane', 'core', 'nginx'])
    await box.stop()
  })

  test.each([
    ['postgres', 'postgres is broken'],
    ['control plane', 'the control plane does not start: control plane is broken'],
  ])('is refused when %s does not start, and nobody tries again', async (fail, sentence) => {
    const { box, events } = stage({ configuration: 'none', fail })
    await expect(box.start()).rejects.toThrow(sentence)
    await box.stop()
    expect(events.filter((event) => event === fail)).toHaveLength(1)
    expect(events).not.toContain('core')
  })

  test.each([['core'], ['nginx']])('is refused when %s does not start', async (fail) => {
    const { box, configured } = stage({ configuration: 'none', fail })
    configured()
    await expect(box.start()).rejects.toThrow(`${fail} does not start: ${fail} is broken`)
    await box.stop()
  })

  test('is refused with what the configuration was refused for', async () => {
    const { box, configured } = stage({ configuration: 'none' })
    configured('nginx: no such user')
    await expect(box.start()).rejects.toThrow('the configuration is refused: nginx: no such user')
    await box.stop()
  })

  test('says that it waits, and goes on when the configuration comes late', async () => {
    const { box, said, events, configured } = stage({ configuration: 'none', clock: IMPATIENT })
    const started = box.start()
    await turns()
    expect(said).toEqual([expect.stringContaining('has not rendered a configuration yet')])
    configured()
    await started
    expect(events).toContain('nginx')
    await box.stop()
  })
})

describe('a later start', () => {
  test('serves with what is there while Postgres is still coming', async () => {
    const { box, events, release } = stage({ hold: 'postgres' })
    const started = box.start()
    await turns()
    expect(events).toEqual(['postgres', 'core', 'nginx'])
    release()
    expect(await started).toEqual({ withoutControlPlane: undefined })
    await box.stop()
  })

  test.each([
    ['postgres', 'postgres is broken'],
    ['control plane', 'the control plane does not start: control plane is broken'],
  ])('serves without %s, and says so', async (fail, sentence) => {
    const { box, events } = stage({ fail })
    expect(await box.start()).toEqual({ withoutControlPlane: sentence })
    expect(events).toContain('nginx')
    await box.stop()
  })

  test('needs no Postgres where somebody has one', async () => {
    const { parts } = stageParts()
    const { box } = stage({ parts })
    expect(await box.start()).toEqual({ withoutControlPlane: undefined })
    await box.stop()
  })

  test('with other ports waits until the configuration has them', async () => {
    const { box, events, configured } = stage({ configuration: 'of another start' })
    const started = box.start()
    await turns()
    expect(events).not.toContain('nginx')
    configured()
    await started
    expect(events).toContain('nginx')
    await box.stop()
  })

  test('with other ports that are refused serves on the last good configuration, and says so', async () => {
    const { box, events, said, configured } = stage({ configuration: 'of another start' })
    configured('nginx: no such user')
    await box.start()
    expect(events).toContain('nginx')
    expect(said).toContainEqual(expect.stringMatching(/no such user\. The last good configuration serves/))
    await box.stop()
  })

  test('with other ports and a broken Postgres serves on the last good configuration, and says so', async () => {
    const { box, events, said } = stage({ configuration: 'of another start', fail: 'postgres' })
    await box.start()
    expect(events).toContain('nginx')
    expect(said).toContainEqual(expect.stringContaining('The last good configuration serves'))
    await box.stop()
  })
})

describe('the end', () => {
  test('lets no change be cut off by nginx, and no transfer by the core', async () => {
    const { box, events } = stage()
    await box.start()
    events.length = 0
    await box.stop()
    expect(events).toEqual(['stop control plane', 'stop nginx', 'stop core', 'stop postgres'])
  })

  test('in the midst of a first start starts nothing more', async () => {
    const { box, events, configured } = stage({ configuration: 'none' })
    const started = box.start()
    await turns()
    await box.stop()
    configured()
    await expect(started).rejects.toThrow('told to stop')
    expect(events).not.toContain('core')
  })

  test.each([
    ['postgres', 'with the Postgres of npm'],
    ['nginx', 'with any'],
    ['core', 'with any'],
  ])('in the midst of a later start, while %s does not serve, ends the start too (%s)', async (hold) => {
    const { box, events, release } = stage({ hold, clock: IMPATIENT })
    const started = box.start().catch((error: unknown) => error)
    await turns()
    const stopped = box.stop()
    await turns()
    release()
    await stopped
    await started
    expect(events).toContain(`stop ${hold}`)
  })

  test('in the midst of a later start, while a part fails again and again, ends the start too', async () => {
    const { box } = stage({ fail: 'core' })
    const started = box.start()
    await turns()
    await box.stop()
    await expect(started).rejects.toThrow('told to stop')
  })
})

function stageParts() {
  const quiet = (name: string): Part => ({
    name,
    start: async () => {
      const { promise: ended, resolve } = Promise.withResolvers<string>()
      return { ended, stop: async () => resolve('ended with code 0') }
    },
    kill: () => undefined,
  })
  return {
    parts: {
      postgres: undefined,
      controlPlane: quiet('control plane'),
      core: quiet('core'),
      nginx: quiet('nginx'),
    },
  }
}
