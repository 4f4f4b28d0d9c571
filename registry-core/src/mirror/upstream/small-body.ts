import { bodyFailure } from './network-failure.js'
import { UpstreamFailure } from './upstream-failure.js'
import type { Wire, WireAnswer } from './wire.js'

/** The whole body, which belongs into memory, up to a limit. @throws UpstreamFailure */
export async function readSmall(wire: Wire, answer: WireAnswer, limitBytes: number): Promise<Buffer> {
  const { body, url } = answer
  const announced = Number(answer.header('content-length') ?? 0)
  if (announced > limitBytes) {
    body.destroy()
    throw tooLong(url, limitBytes)
  }
  const { smallBodyMs } = wire.timeouts
  const stop = wire.clock.after(smallBodyMs, () =>
    body.destroy(
      new UpstreamFailure('timeout', `${url.host} was not done with its answer after ${smallBodyMs} ms`),
    ),
  )
  const pieces: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const piece of body) {
      const bytes: Buffer = piece
      sizeBytes += bytes.length
      if (sizeBytes > limitBytes) throw tooLong(url, limitBytes) // leaving the loop closes the connection
      pieces.push(bytes)
    }
  } catch (error) {
    throw bodyFailure(error, url)
  } finally {
    stop()
  }
  return Buffer.concat(pieces)
}

function tooLong(url: URL, limitBytes: number): UpstreamFailure {
  return new UpstreamFailure(
    'cut',
    `${url.host} sends more than the ${limitBytes} bytes that such an answer may have`,
  )
}

/** As JSON; undefined for what is none. */
export function findJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** The property of a JSON object; undefined when there is none, or it is no object. */
export function propertyOf(json: unknown, name: string): unknown {
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, name)) return undefined
  return Object.entries(json).find(([key]) => key === name)?.[1]
}
