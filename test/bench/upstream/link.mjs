// How fast bodies leave the far upstream: each connection at its own rate, all together over one link, in turns.
const TICK_MS = 4
const SLICE = 64 * 1024
/** What could not go out because of the reader is caught up with at once, up to so much. */
const BURST_MS = 100

/** Bytes that may go out now, at so many MB/s; 0 is without a limit. */
class Allowance {
  bytes = 0
  #last = performance.now()

  refill(rate) {
    const now = performance.now()
    const saved = Number.isFinite(this.bytes) ? this.bytes + (now - this.#last) * rate * 1000 : 0
    this.bytes = rate > 0 ? Math.min(rate * 1000 * BURST_MS, saved) : Infinity
    this.#last = now
  }

  /** What was not used while nothing was sent is lost. */
  empty() {
    this.bytes = 0
    this.#last = performance.now()
  }
}

export class Link {
  #knobs
  #onBytes
  #all = new Allowance()
  #transfers = new Set()
  #timer

  /** @param knobs `rate` of a connection and `link` of all together, in MB/s; read anew each time */
  constructor(knobs, onBytes) {
    this.#knobs = knobs
    this.#onBytes = onBytes
  }

  get active() {
    return this.#transfers.size
  }

  /** Sends a body as fast as the limits let it. */
  send(response, bytes) {
    const transfer = { response, bytes, sent: 0, own: new Allowance(), isFull: false }
    this.#transfers.add(transfer)
    response.on('drain', () => (transfer.isFull = false))
    response.on('close', () => this.#transfers.delete(transfer))
    if (this.#timer === undefined) this.#all.empty()
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS)
    this.#tick()
  }

  #tick() {
    const { rate, link } = this.#knobs
    this.#all.refill(link)
    for (const { own } of this.#transfers) own.refill(rate)
    for (let more = true; more && this.#all.bytes >= 1; ) {
      more = false
      for (const transfer of [...this.#transfers]) more = this.#slice(transfer) || more
    }
    if (this.#transfers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** One slice of one transfer; false when it cannot go on now. */
  #slice(transfer) {
    const { response, bytes, sent, own, isFull } = transfer
    if (isFull || response.destroyed) return false
    const n = Math.min(SLICE, bytes.length - sent, Math.floor(own.bytes), Math.floor(this.#all.bytes))
    if (n <= 0) return false
    own.bytes -= n
    this.#all.bytes -= n
    transfer.sent += n
    this.#onBytes(n)
    transfer.isFull = !response.write(bytes.subarray(sent, sent + n))
    if (transfer.sent < bytes.length) return true
    this.#transfers.delete(transfer)
    response.end()
    return false
  }
}
