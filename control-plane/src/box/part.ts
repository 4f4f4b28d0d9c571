/** One of the things that a box consists of: a child process, or Postgres with ways of its own. */
export interface Part {
  /** As people read it: `registry-core`. */
  readonly name: string
  /**
   * Answers once it serves. Throws a sentence when it does not come that far, and then nothing of it is left.
   * An aborted signal ends the wait, and what was begun.
   */
  start(signal: AbortSignal): Promise<RunningPart>
  /** Ends at once whatever there is of it: a start under way, what runs, what earlier runs left behind. */
  kill(): void
}

export interface RunningPart {
  /** Resolves with how it ended, in words that follow its name (`was ended by SIGKILL`); never rejects. */
  readonly ended: Promise<string>
  /** Lets what runs end, within the part's own time; answers when it is gone. */
  stop(): Promise<void>
}
