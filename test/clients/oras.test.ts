import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { randomBytes } from '../support/image-layout.js'
import { digestOf } from '../support/images.js'
import { type Front, ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { Toolbox } from '../support/toolbox.js'

const THING = 'application/vnd.test.thing'
const SBOM = 'application/vnd.test.sbom'
const SIGNATURE = 'application/vnd.test.signature'

/** What `oras discover` says of a manifest, as deep as it was asked. */
interface Discovered {
  readonly digest: string
  readonly artifactType?: string
  readonly referrers?: readonly Discovered[]
}

describe.each<Front>(['plain HTTP', 'nginx with TLS'])('oras by %s', (front) => {
  let state: StateFolder
  let volume: ServedVolume
  let tools: Toolbox
  let thing: string
  let sbom: string
  let signature: string

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest(), front)
    tools = await Toolbox.open('sid', state, volume.caFile)
    process.stdout.write(`oras ${(await tools.run('oras', 'version')).split('\n')[0]}\n`)
    mkdirSync(state.join('files'))
    writeFileSync(state.join('files/payload.bin'), randomBytes('oras', 3_000_000))
    writeFileSync(state.join('files/empty'), '')
    writeFileSync(state.join('files/sbom.json'), '{"bom":1}')
    writeFileSync(state.join('files/signature'), 'signed')
  })
  afterAll(async () => {
    await volume.close()
    await state.destroy()
  })

  /** Runs in the folder of files, whose names become titles of layers. */
  function oras(subcommand: string, ...args: readonly string[]): Promise<string> {
    const place = ['env', '-C', state.join('files')]
    return tools.run(...place, 'oras', ...subcommand.split(' '), ...args)
  }
  const orasThere = (subcommand: string, ...args: readonly string[]): Promise<string> =>
    oras(subcommand, ...volume.flagsForPlain('--plain-http'), ...args)

  /** Pushes or attaches, and answers the digest. */
  async function add(subcommand: string, ...args: readonly string[]): Promise<string> {
    const answer = await orasThere(subcommand, '--format', 'json', ...args)
    return (JSON.parse(answer) as { digest: string }).digest
  }

  async function discover(reference: string): Promise<Discovered> {
    return JSON.parse(await orasThere('discover', '--format', 'json', reference)) as Discovered
  }

  test('an artifact of two files, one of them empty, is pushed and pulled', async () => {
    const files = ['payload.bin:application/octet-stream', 'empty:text/plain']
    thing = await add('push', `${volume.host}/things:1`, '--artifact-type', THING, ...files)
    await orasThere('pull', `${volume.host}/things:1`, '-o', state.join('pulled'))
    const pulled = digestOf(readFileSync(state.join('pulled/payload.bin')))
    expect(pulled).toBe(digestOf(readFileSync(state.join('files/payload.bin'))))
    expect(readFileSync(state.join('pulled/empty'))).toHaveLength(0)
  })

  test('what is attached to an artifact, and to an attachment, is discovered', async () => {
    const subject = `${volume.host}/things:1`
    sbom = await add('attach', subject, '--artifact-type', SBOM, 'sbom.json:application/json')
    const attached = `${volume.host}/things@${sbom}`
    signature = await add('attach', attached, '--artifact-type', SIGNATURE, 'signature:text/plain')
    expect(await discover(subject)).toMatchObject({
      digest: thing,
      referrers: [
        { digest: sbom, artifactType: SBOM, referrers: [{ digest: signature, artifactType: SIGNATURE }] },
      ],
    })
  })

  test('a recursive copy takes what is attached along, to another repository and to a layout', async () => {
    const subject = `${volume.host}/things:1`
    const layout = `${state.join('layout')}:1`
    const from = volume.flagsForPlain('--from-plain-http')
    const to = volume.flagsForPlain('--to-plain-http')
    await oras('copy --recursive', ...from, ...to, subject, `${volume.host}/copies:1`)
    await oras('copy --recursive --to-oci-layout', ...from, subject, layout)
    await oras('copy --recursive --from-oci-layout', ...to, layout, `${volume.host}/again:1`)
    for (const repository of ['copies', 'again']) {
      const { referrers } = await discover(`${volume.host}/${repository}:1`)
      expect(referrers).toMatchObject([{ digest: sbom, referrers: [{ digest: signature }] }])
    }
  })

  test('an attachment that is deleted is not discovered any more', async () => {
    await orasThere('manifest delete --force', `${volume.host}/copies@${signature}`)
    await orasThere('manifest delete --force', `${volume.host}/copies@${sbom}`)
    expect((await discover(`${volume.host}/copies:1`)).referrers ?? []).toEqual([])
  })

  test('repositories and tags are listed', async () => {
    expect(await orasThere('repo ls', volume.host)).toBe('again\ncopies\nthings\n')
    expect((await orasThere('repo tags', `${volume.host}/things`)).split('\n')).toContain('1')
    expect(await orasThere('resolve', `${volume.host}/things:1`)).toBe(`${thing}\n`)
  })

  test("Distribution's collector finds nothing to delete in what was pushed", async () => {
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
