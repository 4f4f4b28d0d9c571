import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { randomLayer } from '../support/images.js'
import { childrenOf, type MemoryWatch, watchMemory } from '../support/memory.js'
import { describeNeeding } from '../support/needs.js'
import { type RunningNginx, startNginx } from '../support/nginx.js'
import { runToEnd, untilListening } from '../support/processes.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'

const PROGRAM = path.join(import.meta.dirname, '../programs/transfers.js')
const MIB = 1024 * 1024
const GIB = 1024 * MIB
const MINUTES = 60_000

/** What measured.md allows: the core grows by so much, whatever is sent and however many send. */
const CORE_GROWS_MIB = 64
const CORE_PEAK_MIB = 250
const NGINX_PEAK_MIB = 40

interface Outcome {
  readonly sentBytes: number
  readonly receivedBytes: number
}

describeNeeding(
  [
    { program: 'nginx', debianPackage: 'nginx-light' },
    { program: 'openssl', debianPackage: 'openssl' },
  ],
  'memory stays flat, behind nginx with TLS',
  () => {
    let folder = ''
    let core: Target
    let nginx: RunningNginx

    beforeAll(async () => {
      folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
      const socket = path.join(folder, 'core.sock')
      core = await startCore({ config: { listeners: [{ socket, view: 'header' }] } })
      await untilListening({ socket }, core.process)
      nginx = await startNginx({ coreSocket: socket, storeRoot: core.root })
    })

    afterAll(async () => {
      await nginx.stop()
      await core.remove()
      rmSync(folder, { recursive: true, force: true })
    })

    async function transfer(plan: Readonly<Record<string, unknown>>): Promise<Outcome> {
      const front = { baseUrl: `https://127.0.0.1:${nginx.tlsPort}`, caFile: nginx.caFile }
      const whole = { uploads: 0, uploadBytes: 0, downloads: 0, repository: 'deep/app', ...front, ...plan }
      const { code, stdout, stderr } = await runToEnd(process.execPath, [PROGRAM, JSON.stringify(whole)])
      if (code !== 0) throw new Error(`the clients failed: ${stderr}\n${core.process.log().slice(-2000)}`)
      return JSON.parse(stdout) as Outcome
    }

    /** Both watched while `use` runs; what they grew by and their peaks. */
    async function watching(
      what: string,
      use: () => Promise<void>,
    ): Promise<{ core: Peak; nginxPeakMiB: number }> {
      const coreWatch = watchMemory(core.process.pid)
      const nginxWatches = [nginx.process.pid, ...childrenOf(nginx.process.pid)].map(watchMemory)
      await use()
      const found = {
        core: peakOf(coreWatch),
        nginxPeakMiB: nginxWatches.reduce((sum, watch) => sum + watch.peakMiB(), 0),
      }
      process.stdout.write(`${what}: ${JSON.stringify(found)}\n`)
      return found
    }

    /** The first transfer of a process pays for what it then keeps: compiled code, its pool of buffers. */
    async function warmUp(): Promise<void> {
      await transfer({ uploads: 4, uploadBytes: 64 * MIB, seed: 'warm' })
    }

    test(
      'while 10 GiB arrive in one upload',
      async () => {
        await warmUp()
        const { core: peak, nginxPeakMiB } = await watching('10 GiB', async () => {
          const { sentBytes } = await transfer({ uploads: 1, uploadBytes: 10 * GIB, seed: 'ten' })
          expect(sentBytes).toBe(10 * GIB)
        })
        expect(peak.grewMiB).toBeLessThanOrEqual(CORE_GROWS_MIB)
        expect(peak.peakMiB).toBeLessThanOrEqual(CORE_PEAK_MIB)
        expect(nginxPeakMiB).toBeLessThanOrEqual(NGINX_PEAK_MIB)
      },
      20 * MINUTES,
    )

    test(
      'while eight uploads of 1 GiB arrive at once',
      async () => {
        await warmUp()
        const { core: peak, nginxPeakMiB } = await watching('8 x 1 GiB', async () => {
          const { sentBytes } = await transfer({ uploads: 8, uploadBytes: GIB, seed: 'eight' })
          expect(sentBytes).toBe(8 * GIB)
        })
        expect(peak.grewMiB).toBeLessThanOrEqual(CORE_GROWS_MIB)
        expect(peak.peakMiB).toBeLessThanOrEqual(CORE_PEAK_MIB)
        expect(nginxPeakMiB).toBeLessThanOrEqual(NGINX_PEAK_MIB)
      },
      20 * MINUTES,
    )

    test(
      'with 100 uploads and 100 downloads at once, and no more when twice as many bytes flow',
      async () => {
        const client = new RegistryClient(core.baseUrl)
        const { digest } = await client.pushBlob('deep/app', randomLayer(64 * MIB))
        await client.close()
        const both = async (uploadBytes: number, seed: string) =>
          watching(`100 up, 100 down, ${seed}`, async () => {
            const outcome = await transfer({ uploads: 100, uploadBytes, downloads: 100, digest, seed })
            expect(outcome.sentBytes).toBe(100 * uploadBytes)
            expect(outcome.receivedBytes).toBe(100 * 64 * MIB)
          })
        await both(16 * MIB, 'warm') // what so many connections make a process keep
        const once = await both(16 * MIB, 'once')
        const twice = await both(32 * MIB, 'twice')
        expect(once.core.peakMiB).toBeLessThanOrEqual(CORE_PEAK_MIB)
        expect(twice.core.peakMiB).toBeLessThanOrEqual(Math.min(CORE_PEAK_MIB, once.core.peakMiB + 32))
        expect(twice.nginxPeakMiB).toBeLessThanOrEqual(once.nginxPeakMiB + 16)
      },
      20 * MINUTES,
    )
  },
)

interface Peak {
  readonly grewMiB: number
  readonly peakMiB: number
}

function peakOf(watch: MemoryWatch): Peak {
  const peakMiB = watch.peakMiB()
  return { peakMiB, grewMiB: peakMiB - watch.beforeMiB }
}
