import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { type NginxOptions, type RunningNginx, startNginx } from '../support/nginx.js'
import { nginxPrograms } from '../support/nginx-programs.js'
import { connectTo } from '../support/processes.js'
import { lines, parseAnswers, type RawAnswer, type RawOptions, sendRaw } from '../support/raw-http.js'
import { type ScriptedCore, startScriptedCore } from './scripted-core.js'

export const NEEDS = [
  { program: 'nginx', debianPackage: 'nginx-light' },
  { program: 'openssl', debianPackage: 'openssl' },
]

/** nginx before a scripted core, running while the tests of a suite do. */
export interface Front {
  readonly nginx: RunningNginx
  readonly core: ScriptedCore
  /** One request on a connection of its own; header lines as given, after Host. */
  ask(target: string, ...headers: readonly string[]): Promise<RawAnswer>
  /** Bytes as given on a connection of their own: the first answer. */
  send(bytes: string | AsyncIterable<Uint8Array>, options?: RawOptions): Promise<RawAnswer>
}

const programs = await nginxPrograms()

/** The same suite with every nginx that is here: the machine's own, and the newest Debian's. */
export function describeFront(
  title: string,
  options: Omit<NginxOptions, 'coreSocket' | 'storeRoot' | 'program'>,
  body: (front: Front) => void,
): void {
  if (programs.length === 0) return describeNeeding(NEEDS, title, () => undefined)
  for (const program of programs) {
    describeNeeding(NEEDS, `${title} (nginx ${program.version})`, () => {
      const running: { nginx?: RunningNginx; core?: ScriptedCore } = {}
      beforeAll(async () => {
        running.core = await startScriptedCore()
        const { socket: coreSocket, storeRoot } = running.core
        running.nginx = await startNginx({ ...options, coreSocket, storeRoot, program })
      })
      afterAll(async () => {
        await running.nginx?.stop()
        await running.core?.stop()
      })
      body(frontOf(running))
    })
  }
}

function frontOf(running: { readonly nginx?: RunningNginx; readonly core?: ScriptedCore }): Front {
  const front: Front = {
    get nginx() {
      if (!running.nginx) throw new Error('nginx does not run yet')
      return running.nginx
    },
    get core() {
      if (!running.core) throw new Error('the core does not run yet')
      return running.core
    },
    ask: (target, ...headers) => {
      const request = [`GET ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers]
      return front.send(lines(...request))
    },
    async send(bytes, options) {
      const socket = await connectTo({ port: front.nginx.httpPort })
      const { answers } = await sendRaw(socket, bytes, { answers: 1, ...options })
      const [answer] = answers
      if (answer === undefined) throw new Error('no answer')
      return answer
    },
  }
  return front
}

/** The one answer on a connection that the server closes: for large bodies, which sendRaw would parse at each piece. */
export async function readToEnd(socket: Socket): Promise<RawAnswer> {
  const bytes = await buffer(socket)
  const [answer] = parseAnswers(bytes, ['GET'])
  if (answer === undefined) throw new Error(`no complete answer in ${bytes.length} bytes`)
  return answer
}

/** The code and the sentence of an OCI error; throws when the body is anything else. */
export function errorOf(answer: RawAnswer): { readonly code: string; readonly message: string } {
  if (answer.header('content-type') !== 'application/json; charset=utf-8')
    throw new Error(`${answer.status} without JSON`)
  const body: unknown = JSON.parse(answer.body.toString())
  const [error] = (body as { errors: { code: string; message: string }[] }).errors
  if (error === undefined) throw new Error(`no error in ${answer.body.toString()}`)
  return error
}
