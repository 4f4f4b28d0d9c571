import { describe, expect, test } from '@jest/globals'

import { errorCode, type Fs } from '#core/store/fs.js'

import { FakeClock } from './fake-clock.js'
import { seededBytes, seededChance } from './seeded-chance.js'
import { SimulatedDisk } from './simulated-disk.js'
import type { SurvivalMode } from './simulated-entries.js'
import { SimulatedFs } from './simulated-fs.js'

const MODES: readonly SurvivalMode[] = ['ordered', 'weak']
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed)

function newFs(): SimulatedFs {
  const clock = new FakeClock()
  return new SimulatedFs(new SimulatedDisk(() => clock.now()))
}

async function put(
  fs: Fs,
  target: string,
  text: string | Buffer,
  { sync }: { sync: boolean },
): Promise<void> {
  const file = await fs.create(target)
  await file.write([Buffer.from(text)], 0)
  if (sync) await file.sync()
  await file.close()
}

/** The system's code that a call throws. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    return errorCode(error)
  }
  return undefined
}

/** What a power cut may leave of a file: each distinct text once, `undefined` for "no such file". */
function survivors(fs: SimulatedFs, target: string, mode: SurvivalMode): Set<string | undefined> {
  return new Set(
    SEEDS.map((seed) => {
      const disk = fs.disk.afterPowerCut(mode, seededChance(seed))
      return new SimulatedFs(disk).readNow(target, 1_000_000)?.toString('latin1')
    }),
  )
}

describe.each(MODES)('a power cut, entries %s', (mode) => {
  test('keeps a file whose bytes and name were synced', async () => {
    const fs = newFs()
    await put(fs, '/a', 'hello', { sync: true })
    await fs.syncDirectory('/')
    expect(survivors(fs, '/a', mode)).toEqual(new Set(['hello']))
  })

  test('may lose a name that was not synced, though its bytes were', async () => {
    const fs = newFs()
    await put(fs, '/a', 'hello', { sync: true })
    expect(survivors(fs, '/a', mode)).toEqual(new Set(['hello', undefined]))
  })

  test('may leave the name of a file and none, some or zeros of its bytes', async () => {
    const fs = newFs()
    const bytes = seededBytes(1, 5000)
    await put(fs, '/a', bytes, { sync: false })
    await fs.syncDirectory('/')
    const found = survivors(fs, '/a', mode)
    expect(found).toContain('')
    expect(found).toContain(bytes.toString('latin1'))
    expect(found).toContain('\0'.repeat(5000))
    expect(found.size).toBeGreaterThan(10)
    expect(found).not.toContain(undefined)
  })

  test('takes a rename back whole or not at all', async () => {
    const fs = newFs()
    await put(fs, '/old', 'old', { sync: true })
    await put(fs, '/new', 'new', { sync: true })
    await fs.syncDirectory('/')
    await fs.rename('/new', '/old')
    expect(survivors(fs, '/old', mode)).toEqual(new Set(['old', 'new']))
    for (const seed of SEEDS) {
      const after = new SimulatedFs(fs.disk.afterPowerCut(mode, seededChance(seed)))
      const isBack = after.readNow('/old', 10)?.toString() === 'old'
      expect(after.statNow('/new') !== undefined).toBe(isBack)
    }
  })

  test('may bring an unlinked file back until its folder is synced', async () => {
    const fs = newFs()
    await put(fs, '/a', 'x', { sync: true })
    await fs.syncDirectory('/')
    await fs.unlink('/a')
    expect(survivors(fs, '/a', mode)).toEqual(new Set(['x', undefined]))
    await fs.syncDirectory('/')
    expect(survivors(fs, '/a', mode)).toEqual(new Set([undefined]))
  })

  test('loses what lies in a folder whose own name was not synced', async () => {
    const fs = newFs()
    await fs.makeDirectory('/d')
    await put(fs, '/d/a', 'x', { sync: true })
    if (mode === 'weak') await fs.syncDirectory('/d')
    expect(survivors(fs, '/d/a', mode)).toEqual(new Set(['x', undefined]))
    await fs.syncDirectory('/')
    await fs.syncDirectory('/d')
    expect(survivors(fs, '/d/a', mode)).toEqual(new Set(['x']))
  })

  test('never takes bytes back that were synced, whatever is appended', async () => {
    const fs = newFs()
    await put(fs, '/a', 'synced', { sync: true })
    await fs.syncDirectory('/')
    const file = await fs.openToAppend('/a')
    await file.write([Buffer.from(' and not')], 0)
    for (const text of survivors(fs, '/a', mode)) expect(text).toMatch(/^synced/)
  })

  test('is the same for the same seed', async () => {
    const fs = newFs()
    await put(fs, '/a', seededBytes(2, 5000), { sync: false })
    const [one, two] = [7, 7].map((seed) => fs.disk.afterPowerCut(mode, seededChance(seed)).walk())
    expect(one).toEqual(two)
  })
})

describe('two modes of forgetting', () => {
  test('the ordered one keeps what came before something durable, the weak one need not', async () => {
    const fs = newFs()
    await fs.makeDirectory('/d')
    await fs.makeDirectory('/e')
    await fs.syncDirectory('/')
    await put(fs, '/d/first', '', { sync: true })
    await put(fs, '/e/second', '', { sync: true })
    await fs.syncDirectory('/e')
    expect(survivors(fs, '/d/first', 'ordered')).toEqual(new Set(['']))
    expect(survivors(fs, '/d/first', 'weak')).toEqual(new Set(['', undefined]))
  })
})

describe('a process', () => {
  test('that is killed leaves the page cache behind', async () => {
    const fs = newFs()
    await put(fs, '/a', 'hello', { sync: false })
    fs.kill()
    expect(codeOf(() => fs.statNow('/a'))).toBe('CRASH')
    expect(new SimulatedFs(fs.disk).readNow('/a', 10)?.toString()).toBe('hello')
  })

  test('that dies at a call never returns from it, and the call has no effect', async () => {
    const fs = newFs()
    fs.crashAt(2)
    let isBack = false
    void put(fs, '/a', 'hello', { sync: false }).finally(() => {
      isBack = true
    })
    await fs.died
    expect(isBack).toBe(false)
    expect(new SimulatedFs(fs.disk).statNow('/a')?.sizeBytes).toBe(0)
  })

  test('sees at once what another one does on the same disk', async () => {
    const one = newFs()
    const two = new SimulatedFs(one.disk)
    await put(one, '/a', 'x', { sync: false })
    expect(two.readNow('/a', 10)?.toString()).toBe('x')
  })

  test('has its calls, bytes read and open files counted', async () => {
    const fs = newFs()
    await put(fs, '/a', 'hello', { sync: true })
    fs.readNow('/a', 10)
    expect(fs.calls.map(({ name }) => name)).toEqual(['create', 'write', 'sync', 'close', 'readNow'])
    expect(fs.bytesRead).toBe(5)
    expect(fs.openFiles).toBe(0)
    await fs.openToRead('/a')
    expect(fs.openFiles).toBe(1)
  })
})

describe('a fault', () => {
  test('hits the calls it fits, as often as it says', async () => {
    const fs = newFs()
    fs.fail({ code: 'ENOSPC', fits: ({ name, path }) => name === 'create' && path === '/a', times: 1 })
    await put(fs, '/b', '', { sync: false })
    await expect(fs.create('/a')).rejects.toMatchObject({ code: 'ENOSPC' })
    await put(fs, '/a', '', { sync: false })
  })

  test('of a write leaves half of its bytes', async () => {
    const fs = newFs()
    const file = await fs.create('/a')
    fs.fail({ code: 'ENOSPC', times: 1 })
    await expect(file.write([Buffer.from('abcd')], 0)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(fs.readNow('/a', 10)?.toString()).toBe('ab')
  })

  test('of an fsync loses the bytes for good, though reads still show them and the next fsync succeeds', async () => {
    const fs = newFs()
    const file = await fs.create('/a')
    await fs.syncDirectory('/')
    await file.write([Buffer.from('hello')], 0)
    fs.fail({ code: 'EIO', fits: ({ name }) => name === 'sync', times: 1 })
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    await file.sync()
    expect(fs.readNow('/a', 10)?.toString()).toBe('hello')
    expect(survivors(fs, '/a', 'weak')).toEqual(new Set(['\0\0\0\0\0']))
  })

  test('fits only calls that a kernel can answer so', async () => {
    const fs = newFs()
    fs.fail({ code: 'ENOSPC' })
    expect(fs.statNow('/')).toBeDefined()
    expect(await fs.unlink('/a')).toBe(false)
    await expect(fs.makeDirectory('/d')).rejects.toMatchObject({ code: 'ENOSPC' })
  })
})
