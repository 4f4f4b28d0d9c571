import { afterEach, beforeEach } from '@jest/globals'
import { BlockList } from 'node:net'
import type { UpstreamSettings } from '#core/mirror/mirror-settings.js'
import { withTurns } from '#core/mirror/watched/turns.js'
import { openUpstream, type UpstreamOptions } from '#core/mirror/upstream/open-upstream.js'
import type { Upstream } from '#core/mirror/upstream/upstream.js'
import {
  isUpstreamFailure,
  type UpstreamFailure,
  type UpstreamTrouble,
} from '#core/mirror/upstream/upstream-failure.js'
import { systemClock } from '#core/system/clock.js'
import {
  json,
  openScriptedServer,
  type ScriptedServer,
  type ScriptedServerOptions,
} from '../scripted-server.js'

/** Loopback is where the tests' servers are. */
function loopback(): BlockList {
  const list = new BlockList()
  list.addSubnet('127.0.0.0', 8, 'ipv4')
  return list
}

export function settingsFor(urls: readonly URL[], further: Partial<UpstreamSettings> = {}): UpstreamSettings {
  return {
    host: 'upstream.test',
    aliases: [],
    urls,
    credentials: undefined,
    ca: undefined,
    proxy: undefined,
    dns: [],
    realms: [],
    allowAddresses: loopback(),
    whenMissing: 404,
    expose: 'accounts',
    freshFor: { rules: [], otherwiseMs: undefined },
    maxConnections: 16,
    maxBytesPerSecond: undefined,
    isConfirmed: false,
    naming: 'host',
    ...further,
  }
}

export const ACCOUNT = { username: 'me', password: { text: 'canary-password' } }

/** An upstream with what it said and told. */
export interface Opened {
  readonly upstream: Upstream
  readonly lines: readonly string[]
}

const opened: Upstream[] = []

export function open(settings: UpstreamSettings, options: Partial<UpstreamOptions> = {}): Opened {
  const lines: string[] = []
  const say = (fields: object, sentence: string): void => {
    lines.push(`${sentence} ${JSON.stringify(fields)}`)
  }
  const log = { info: say, warn: say, error: say }
  const client = openUpstream(settings, { clock: systemClock, log, environment: {}, ...options })
  const upstream = withTurns(client, systemClock)
  opened.push(upstream)
  return { upstream, lines }
}

/** After each test. */
export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((one) => one.close()))
}

export interface ServerOfTests {
  readonly options?: () => ScriptedServerOptions
  /** What it plays at the start of each test, besides an answer to `/v2/`. */
  readonly playFirst?: (server: ScriptedServer) => void
}

/** Has a server for each test; the upstreams that the test opened are closed before it. */
export function useServer({ options, playFirst }: ServerOfTests = {}): ScriptedServer {
  let server: ScriptedServer | undefined
  const current = (): ScriptedServer => {
    if (server === undefined) throw new Error('the server did not start')
    return server
  }
  beforeEach(async () => {
    server = await openScriptedServer(options?.())
    server.play('/v2/', json({}))
    playFirst?.(server)
  })
  afterEach(async () => {
    await closeAll()
    await current().close()
  })
  return {
    get url() {
      return current().url
    },
    get host() {
      return current().host
    },
    get asked() {
      return current().asked
    },
    get headers() {
      return current().headers
    },
    play: (path, scene) => current().play(path, scene),
    count: (path) => current().count(path),
    close: () => current().close(),
  }
}

/** How long a test waits for what must come. */
export function inTime(): AbortSignal {
  return AbortSignal.timeout(20_000)
}

/** The failure with which the work must end. */
export async function failureOf(work: Promise<unknown>): Promise<UpstreamFailure> {
  try {
    await work
  } catch (error) {
    if (isUpstreamFailure(error)) return error
    throw error
  }
  throw new Error('it succeeded')
}

export async function troubleOf(work: Promise<unknown>): Promise<UpstreamTrouble> {
  return (await failureOf(work)).trouble
}

export async function bytesOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}
