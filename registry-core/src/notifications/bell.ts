/** Wakes the one who waits; a ring that nobody waited for is not lost. */
export class Bell {
  #isRung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** At once when it has rung since the last time. */
  async rung(): Promise<void> {
    if (!this.#isRung)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    this.#isRung = false
    this.#wake = undefined
  }
}
