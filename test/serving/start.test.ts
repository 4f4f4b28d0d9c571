import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from '@jest/globals'

import { randomLayer } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { describeNeeding } from '../support/needs.js'
import { runToEnd } from '../support/processes.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore } from '../support/targets.js'
import { useCertificates } from './use-certificates.js'

const CORE = fileURLToPath(new URL('../../../registry-core/bin/registry-core.js', import.meta.url))
const TRANSFERS = path.join(import.meta.dirname, '../programs/transfers.js')
const MIB = 1024 * 1024

describeNeeding([{ program: 'openssl', debianPackage: 'openssl' }], 'registry-core with http.tls', () => {
  const files = useCertificates()

  function configured(tls: object): string {
    const file = path.join(files.folder, 'config.yml')
    const storage = { filesystem: { rootdirectory: path.join(files.folder, 'store') } }
    writeFileSync(file, JSON.stringify({ version: '0.1', storage, http: { addr: '127.0.0.1:0', tls } }))
    return file
  }

  function run(command: string, tls: object) {
    return runToEnd(process.execPath, [CORE, command, configured(tls)])
  }

  test('and a file that is not there ends with the sentence of it, and check says it too', async () => {
    const tls = { certificate: files.made.certificate, key: path.join(files.folder, 'nowhere.key') }
    const served = await run('serve', tls)
    expect(served.code).toBe(3)
    expect(served.stderr).toMatch(
      /^registry-core: http\.tls\.key names .*nowhere\.key: there is no such file\n$/,
    )
    const checked = await run('check', tls)
    expect([checked.code, checked.stdout]).toEqual([
      1,
      expect.stringMatching(/nowhere\.key: there is no such/),
    ])
  })

  test('and a key of another certificate ends with the names of both', async () => {
    const { made, other } = files
    const { code, stderr } = await run('serve', { certificate: made.certificate, key: other.key })
    expect([code, stderr]).toEqual([3, expect.stringMatching(/other\.key does not belong to .*server\.pem/)])
  })

  test('says in check with what it would be served', async () => {
    const { certificate, key, caFile } = files.made
    const { code, stdout } = await run('check', { certificate, key, clientcas: [caFile] })
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/speak TLS with .*server\.pem, to clients that show a certificate/),
    ])
  })

  test('is alive to the health command, which has no certificate that it wants', async () => {
    const { certificate, key, caFile } = files.made
    const core = await startCore({ http: { tls: { certificate, key, clientcas: [caFile] } } })
    try {
      const { code, stdout } = await runToEnd(process.execPath, [CORE, 'health', core.configFile])
      expect([code, stdout]).toEqual([0, 'alive\n'])
    } finally {
      await core.remove()
    }
  })

  test('keeps its memory flat, whatever goes through it', async () => {
    const { certificate, key, caFile } = files.made
    const core = await startCore({ http: { tls: { certificate, key } } })
    try {
      const client = new RegistryClient(core.baseUrl, { tls: { ca: readFileSync(caFile) } })
      const { digest } = await client.pushBlob('a', randomLayer(64 * MIB))
      await client.close()
      const peakOf = async (uploadBytes: number, downloads: number): Promise<number> => {
        const plan = { repository: 'a', baseUrl: core.baseUrl, caFile, digest, seed: `${uploadBytes}` }
        const watch = watchMemory(core.process.pid)
        const whole = JSON.stringify({ ...plan, uploads: 4, uploadBytes, downloads })
        const { code, stderr } = await runToEnd(process.execPath, [TRANSFERS, whole])
        expect([code, stderr]).toEqual([0, ''])
        return watch.peakMiB()
      }
      // Each transfer that runs costs its pieces; the bytes that go through cost nothing. The heap is never the same twice by
      // some 35 MiB, a single upload that were held would be 128.
      await peakOf(32 * MIB, 8) // the first ones pay for what the process then keeps
      const once = await peakOf(32 * MIB, 8)
      expect(await peakOf(128 * MIB, 8)).toBeLessThanOrEqual(once + 64)
    } finally {
      await core.remove()
    }
  }, 120_000)
})
