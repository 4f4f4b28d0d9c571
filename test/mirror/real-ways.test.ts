import { findProgram } from '#control/box/find-program.js'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { beforeEach, expect, test } from '@jest/globals'

import { makeCertificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import type { FakeUpstream, FakeUpstreamOptions } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import type { Mirror, MirroredUpstream } from '../support/mirror.js'
import { describeNeeding } from '../support/needs.js'
import { freePort, type RunningProcess, startProcess, untilListening } from '../support/processes.js'
import { useOneFolder } from './one-folder.js'
import { pullImage } from './pulls.js'

const folder = useOneFolder()
let image: Image

beforeEach(() => {
  image = makeImage({ layerSizeBytes: 200_000 })
})

async function upstreamOf(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const upstream = await folder.upstream(options)
  upstream.hold('org/img', image, 'v1')
  return upstream
}

function mirrorOf(settings: Omit<MirroredUpstream, 'host'>): Promise<Mirror> {
  return folder.mirror({ upstreams: [{ host: 'docker.io', ...settings }] })
}

async function pull({ mirror }: Mirror): Promise<void> {
  await pullImage(mirror, ['org/img', 'v1'], image)
}

/** The line of the log that names something. */
function saidOf(running: RunningProcess, what: string): string | undefined {
  return running
    .log()
    .split('\n')
    .find((line) => line.includes(what))
}

async function startServer(program: string, args: readonly string[], port: number): Promise<RunningProcess> {
  const running = await startProcess(findProgram(program) ?? program, args)
  folder.atTheEnd(() => running.stop())
  await untilListening({ port }, running)
  return running
}

describeNeeding([{ program: 'tinyproxy', debianPackage: 'tinyproxy' }], 'behind a real proxy', () => {
  /** Answers its address, and what it has been asked. */
  async function startProxy(): Promise<{ readonly url: string; asked(): string }> {
    const port = await freePort()
    const [file, log] = [path.join(folder.path, 'tinyproxy.conf'), path.join(folder.path, 'tinyproxy.log')]
    const lines = [
      `Port ${port}`,
      'Listen 127.0.0.1',
      `LogFile "${log}"`,
      'LogLevel Connect',
      'BasicAuth me word',
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    await startServer('tinyproxy', ['-d', '-c', file], port)
    return { url: `http://me:word@127.0.0.1:${port}`, asked: () => readFileSync(log, 'utf8') }
  }

  test('an upstream over https is fetched from, and noProxy keeps others out of it', async () => {
    const tls = await makeCertificates(folder.path)
    const upstream = await upstreamOf({ tls })
    const proxy = await startProxy()
    const settings = { urls: [`https://localhost:${upstream.port}`], ca: tls.caFile, proxy: proxy.url }
    await pull(await mirrorOf(settings))
    expect(proxy.asked()).toContain(`CONNECT localhost:${upstream.port}`)
    const before = proxy.asked()
    await pull(
      await mirrorOf({ ...settings, noProxy: ['localhost'], allowAddresses: ['127.0.0.0/8', '::1'] }),
    )
    expect(proxy.asked()).toBe(before)
  })

  test('an upstream over http is fetched from', async () => {
    const upstream = await upstreamOf()
    const proxy = await startProxy()
    const urls = [`http://localhost:${upstream.port}`]
    await pull(await mirrorOf({ urls, proxy: proxy.url }))
    expect(proxy.asked()).toContain(`localhost:${upstream.port}`)
  })
})

describeNeeding([{ program: 'dnsmasq', debianPackage: 'dnsmasq-base' }], 'with a real name server', () => {
  const NAME = 'hub.example'

  /** One that answers for one name, or refuses like those of some providers. */
  async function startNames(line: string): Promise<string> {
    const port = await freePort()
    const args = [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--bind-interfaces',
    ]
    await startServer(
      'dnsmasq',
      [...args, '--pid-file', '--user=root', '--listen-address=127.0.0.1', `--port=${port}`, line],
      port,
    )
    return `127.0.0.1:${port}`
  }

  test('a hub whose name one server does not know is cured by dns with another', async () => {
    const upstream = await upstreamOf()
    const [bad, good] = [
      await startNames('--address=/other.example/127.0.0.1'),
      await startNames(`--address=/${NAME}/127.0.0.1`),
    ]
    const settings = { urls: [`http://${NAME}:${upstream.port}`], allowAddresses: ['127.0.0.0/8'] }
    const mirror = await mirrorOf({ ...settings, dns: [bad] })
    expect((await mirror.mirror.get('/v2/org/img/manifests/v1')).status).toBe(404)
    const said = await eventually('the log names the server', () => saidOf(mirror.core.process, bad))
    expect(said).toContain(NAME)
    expect(said).toMatch(/refused|dns/)
    const upstreams = [{ host: 'docker.io', ...settings, dns: [good] }]
    await mirror.restart('in order', { upstreams })
    await pull(mirror)
  })
})
