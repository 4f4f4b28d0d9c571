import type { Part, RunningPart } from './part.js'

/** The embedded server as it runs. */
export interface RunningPostgres {
  readonly url: string
  /** Resolves with how it ended, in words. */
  readonly exited: Promise<string>
  stop(): Promise<void>
}

/** The part, and where it can be asked. */
export interface PostgresPart extends Part {
  /** Of the server that was started last. @throws when none was */
  url(): string
}

/** The embedded Postgres as a part of the box. */
export function postgresPart(start: (signal: AbortSignal) => Promise<RunningPostgres>): PostgresPart {
  let last: RunningPostgres | undefined
  return {
    name: 'PostgreSQL',
    async start(signal): Promise<RunningPart> {
      const running = await start(signal)
      last = running
      const ended = running.exited.then((why) => `ended (${why})`)
      return { ended, stop: () => running.stop() }
    },
    // Its own fast way to end, which loses nothing and needs no recovery: some tenths of a second.
    kill: () => void last?.stop(),
    url() {
      if (last === undefined) throw new Error('PostgreSQL has not been started yet')
      return last.url
    },
  }
}
