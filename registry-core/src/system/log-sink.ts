import { constants, fstatSync, openSync, write } from 'node:fs'
import { Socket } from 'node:net'

/** Where lines go. Writing never waits and never fails: what cannot be kept is dropped and counted. */
export interface LogSink {
  /** One line, with its end; `gone` is called once it has gone out, and never when it cannot. */
  write(line: string, gone?: () => void): void
  /** Lines that nobody will ever read. */
  readonly dropped: number
  /** Waits until everything has gone out, but not longer than `limitMs`. */
  close(limitMs: number): Promise<void>
}

/** So much may wait for a slow reader. */
const WAITING_LIMIT_BYTES = 4 * 1024 * 1024

/** How bytes leave: answers when they have, or with the error. */
type Write = (text: string, done: (error: Error | null | undefined) => void) => void

/**
 * A sink on an open descriptor, usually 1. A pipe or socket is written without blocking (node's own stdout blocks the
 * whole process on a pipe that nobody reads); a file by one write at a time in the thread pool.
 */
export function openLogSink(descriptor: number): LogSink {
  return new BufferedSink(isStream(descriptor) ? streamWriter(descriptor) : fileWriter(descriptor))
}

function isStream(descriptor: number): boolean {
  const stat = fstatSync(descriptor)
  return stat.isFIFO() || stat.isSocket()
}

function streamWriter(descriptor: number): Write {
  const socket = new Socket({ fd: ownDescription(descriptor), readable: false, writable: true })
  socket.unref()
  socket.on('error', () => undefined) // each write hears of it too
  return (text, done) => {
    if (socket.destroyed) done(new Error('the reader has gone'))
    else socket.write(text, done)
  }
}

/**
 * A pipe is opened anew where that is possible, so that switching it to non-blocking does not change it for others who
 * hold it; the descriptor itself otherwise.
 */
function ownDescription(descriptor: number): number {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return descriptor
  }
}

function fileWriter(descriptor: number): Write {
  return (text, done) => write(descriptor, text, done)
}

class BufferedSink implements LogSink {
  dropped = 0
  readonly #write: Write
  #waiting: string[] = []
  #waitingBytes = 0
  #underWay = 0
  #gone: (() => void)[] = []
  #idle: (() => void) | undefined

  constructor(write: Write) {
    this.#write = write
  }

  write(line: string, gone?: () => void): void {
    if (this.#waitingBytes + line.length > WAITING_LIMIT_BYTES) {
      this.dropped += 1
      return
    }
    this.#waiting.push(line)
    if (gone !== undefined) this.#gone.push(gone)
    this.#waitingBytes += line.length
    if (this.#waiting.length === 1 && this.#underWay === 0) setImmediate(() => this.#flush())
  }

  #flush(): void {
    if (this.#underWay > 0) return
    const lines = this.#waiting
    if (lines.length === 0) {
      this.#idle?.()
      return
    }
    this.#waiting = []
    this.#waitingBytes = 0
    this.#underWay = lines.length
    const gone = this.#gone.splice(0)
    this.#write(lines.join(''), (error) => {
      if (error) this.dropped += this.#underWay
      else for (const tell of gone) tell()
      this.#underWay = 0
      this.#flush()
    })
  }

  async close(limitMs: number): Promise<void> {
    if (this.#underWay === 0 && this.#waiting.length === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
      setTimeout(resolve, limitMs)
      this.#flush()
    })
  }
}
