import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'

import { type Certificates, makeCertificates, signCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { makeImage } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { freePort, runToEnd } from '../support/processes.js'
import { type Answer, RegistryClient, type RegistryClientOptions } from '../support/registry-client.js'
import { startCore, startDockerRegistry, type Target, type TargetOptions } from '../support/targets.js'

const NEEDS = [
  { program: 'docker-registry', debianPackage: 'docker-registry' },
  { program: 'openssl', debianPackage: 'openssl' },
  { program: 'curl', debianPackage: 'curl' },
]

/** What a test does with both registries, started with the same file; what it answers must be the same. */
describeNeeding(NEEDS, 'with the same file registry-core and docker-registry', () => {
  let folder = ''
  let made: Certificates
  let client: Pick<Certificates, 'certificate' | 'key'>
  const image = makeImage()
  const ending: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    made = await makeCertificates(folder)
    client = await signCertificate(folder, 'client', made)
  })
  afterEach(async () => {
    for (const end of ending.splice(0).toReversed()) await end()
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  async function onBoth<T>(
    options: (name: 'ours' | 'theirs') => TargetOptions,
    use: (target: Target, name: 'ours' | 'theirs') => Promise<T>,
  ): Promise<{ readonly ours: T; readonly theirs: T }> {
    const on = async (start: typeof startCore, name: 'ours' | 'theirs'): Promise<T> => {
      const target = await start(options(name))
      ending.push(() => target.remove())
      return use(target, name)
    }
    return { ours: await on(startCore, 'ours'), theirs: await on(startDockerRegistry, 'theirs') }
  }

  function open(target: Target, options: RegistryClientOptions = {}): RegistryClient {
    const opened = new RegistryClient(target.baseUrl, options)
    ending.push(() => opened.close())
    return opened
  }

  function trusting(more: Pick<Certificates, 'certificate' | 'key'> | undefined) {
    const mine = more && { cert: readFileSync(more.certificate), key: readFileSync(more.key) }
    return { tls: { ca: readFileSync(made.caFile), ...mine } }
  }

  /** A Location or Link without what is each one's own: the origin, the session and its state. */
  function shape(value: string | undefined): string | undefined {
    return value
      ?.replace(/https?:\/\/[^/]+/, '')
      .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'UUID')
      .replace(/\?_state=.*/, '')
  }

  function summary(answer: Answer) {
    return {
      status: answer.status,
      // A redirection has words in it there, and none here.
      type: answer.status === 301 ? 'whatever' : answer.header('content-type'),
      version: answer.header('docker-distribution-api-version'),
      digest: answer.header('docker-content-digest'),
      location: shape(answer.header('location')),
      link: shape(answer.header('link')),
      range: answer.header('range'),
      // Elsewhere it is that of a sentence, or of JSON with a line's end.
      length: answer.header('docker-content-digest') && answer.header('content-length'),
    }
  }

  /** A dozen requests of a push and a pull, below a prefix. */
  async function conversation(asker: RegistryClient, prefix: string) {
    const [blob] = image.blobs
    if (blob === undefined) throw new Error('an image without blobs')
    const { digest, mediaType } = image.manifest.descriptor
    const answers = [await asker.get(`${prefix}/v2/`), await asker.get(`${prefix}/v2`)]
    for (const each of image.blobs) {
      const begun = await asker.post(`${prefix}/v2/app/blobs/uploads/`)
      const location = new URL(begun.header('location') ?? '', asker.baseUrl)
      location.searchParams.set('digest', each.descriptor.digest)
      answers.push(begun, await asker.put(location.pathname + location.search, each.bytes))
    }
    const type = { 'content-type': mediaType }
    const accept = { accept: mediaType }
    for (const tag of ['one', 'two'])
      answers.push(await asker.put(`${prefix}/v2/app/manifests/${tag}`, image.manifest.bytes, type))
    answers.push(
      await asker.get(`${prefix}/v2/app/manifests/one`, accept),
      await asker.head(`${prefix}/v2/app/manifests/${digest}`, accept),
      await asker.get(`${prefix}/v2/app/manifests/none`, accept),
      await asker.head(`${prefix}/v2/app/blobs/${blob.descriptor.digest}`),
      await asker.get(`${prefix}/v2/_catalog?n=1`),
      await asker.delete(`${prefix}/v2/app/manifests/${digest}`),
    )
    return answers.map(summary)
  }

  test('say the same over TLS, to a client that shows its certificate', async () => {
    const tls = {
      certificate: made.certificate,
      key: made.key,
      clientcas: [made.caFile],
      minimumtls: 'tls1.2',
      ciphersuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
    }
    const { ours, theirs } = await onBoth(
      () => ({ http: { tls } }),
      (target) => conversation(open(target, trusting(client)), ''),
    )
    expect(ours).toEqual(theirs)
  })

  test('let in by TLS the same clients, as curl sees it', async () => {
    const stranger = await signCertificate(
      mkdtempSync(path.join(folder, 'e-')),
      'stranger',
      await makeCertificates(mkdtempSync(path.join(folder, 'e-'))),
    )
    const curl = async (target: Target, ...args: readonly string[]) => {
      const { code, stdout } = await runToEnd('curl', [
        ...['-s', '--max-time', '20', '-w', '%{http_code}', '-o', '/dev/null', '--cacert', made.caFile],
        ...args,
        target.baseUrl + '/v2/',
      ])
      return code === 0 ? stdout : 'refused'
    }
    const shown = ({ certificate, key }: Pick<Certificates, 'certificate' | 'key'>) => [
      ...['--cert', certificate, '--key', key],
    ]
    const { ours, theirs } = await onBoth(
      () => ({
        http: { tls: { certificate: made.certificate, key: made.key, clientcas: [made.caFile] } },
      }),
      async (target) => ({
        known: await curl(target, ...shown(client)),
        known12: await curl(target, '--tls-max', '1.2', ...shown(client)),
        nobody: await curl(target),
        nobody12: await curl(target, '--tls-max', '1.2'),
        stranger: await curl(target, ...shown(stranger)),
        old: await curl(target, '--tls-max', '1.1', '--ciphers', 'ALL:@SECLEVEL=0', ...shown(client)),
      }),
    )
    expect(ours).toEqual(theirs)
    expect(ours).toMatchObject({ known: '200', known12: '200', nobody: 'refused', stranger: 'refused' })
  })

  test('tell a client that speaks plain HTTP to a TLS port the same', async () => {
    const { ours, theirs } = await onBoth(
      () => ({ http: { tls: { certificate: made.certificate, key: made.key } } }),
      async (target) => {
        const plain = `http://127.0.0.1:${target.port}/v2/`
        const { stdout } = await runToEnd('curl', ['-s', '-w', ' %{http_code}', plain])
        return {
          status: stdout.slice(-3),
          sentence: stdout.includes('Client sent an HTTP request to an HTTPS server.'),
        }
      },
    )
    expect(ours).toEqual({ status: '400', sentence: true })
    expect(theirs).toEqual(ours)
  })

  test.each(['/hub/', '/a/b'])('serve the API below the prefix %s', async (prefix) => {
    const below = prefix.replace(/\/$/, '')
    const { ours, theirs } = await onBoth(
      () => ({ http: { prefix } }),
      async (target) => {
        const asker = open(target)
        const elsewhere = ['/', '/v2', '/v2/', '/v2/_catalog', below, `${below}/`, `${below}x/v2/`]
        const statuses = []
        for (const each of elsewhere) statuses.push([each, (await asker.get(each)).status])
        return { said: await conversation(asker, below), statuses }
      },
    )
    expect(ours).toEqual(theirs)
  })

  describe('watch over others', () => {
    const checks = (port: number) => ({
      storagedriver: { enabled: true, interval: '1s', threshold: 2 },
      file: [{ file: path.join(folder, 'out-of-service'), interval: '100ms' }],
      http: [
        {
          uri: `http://127.0.0.1:${port}/x`,
          headers: { 'X-A': ['b', 'c'] },
          statuscode: 204,
          timeout: '2s',
          interval: '100ms',
          threshold: 2,
        },
      ],
      tcp: [{ addr: `127.0.0.1:${port}`, timeout: '1s', interval: '100ms', threshold: 1 }],
    })

    test('and serve nothing while a check fails, in the same words on /debug/health', async () => {
      const watched = await freePort()
      const debugs = { ours: await freePort(), theirs: await freePort() }
      const { ours, theirs } = await onBoth(
        (name) => ({
          config: { health: checks(watched) },
          http: { debug: { addr: `127.0.0.1:${debugs[name]}`, prometheus: { enabled: true, path: '/m' } } },
        }),
        async (target, name) => {
          const asker = open(target)
          const operator = new RegistryClient(`http://127.0.0.1:${debugs[name]}`)
          ending.push(() => operator.close())
          const health = async (count: number) => {
            const answer = await eventually(`${count} checks fail`, async () => {
              const found = await operator.get('/debug/health')
              return Object.keys(found.json() as object).length === count && found
            })
            return [answer.status, answer.header('content-type'), answer.json()]
          }
          const statuses = async () => {
            const found = []
            for (const target of ['/', '/v2/', '/v2/a/tags/list'])
              found.push((await asker.get(target)).status)
            return found
          }
          const down = [await health(2), await statuses()]
          const stop = await serveOn(watched)
          writeFileSync(path.join(folder, 'out-of-service'), '')
          const file = [await health(1), await statuses()]
          rmSync(path.join(folder, 'out-of-service'))
          const well = [await health(0), await statuses()]
          await stop()
          const others = []
          for (const page of ['/m', '/metrics', '/nothing']) others.push((await operator.get(page)).status)
          return { down, file, well, others }
        },
      )
      expect(ours).toEqual(theirs)
    })

    test('and say to clients which check it is', async () => {
      const target = await startCore({ config: { health: checks(await freePort()) } })
      ending.push(() => target.remove())
      const asker = open(target)
      const answer = await eventually('it is noticed', async () => {
        const found = await asker.get('/v2/')
        return found.status === 503 && found
      })
      expect(answer.header('retry-after')).toBe('10')
      expect(answer.body.toString()).toMatch(/the health check of (tcp|http|127)\S* fails: /)
      expect((await asker.get('/healthz')).status).toBe(200)
      const ready = await asker.get('/readyz')
      expect(ready.status).toBe(503)
      expect(ready.body.toString()).toMatch(/fails: connection to 127\.0\.0\.1:\d+ failed/)
    })
  })

  /** Takes connections there, and answers 204 to a HEAD with the right headers; else 500. */
  async function serveOn(port: number): Promise<() => Promise<void>> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (bytes: Buffer) => {
        const isRight = /^HEAD \/x HTTP\/1\.1\r\n[^]*\r\nX-A: b(, |\r\nX-A: )c\r\n/i.test(bytes.toString())
        socket.end(`HTTP/1.1 ${isRight ? 204 : 500} \r\nConnection: close\r\n\r\n`)
      })
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    return () => new Promise((resolve) => server.close(() => resolve()))
  }
})
