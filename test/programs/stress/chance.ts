/** The seed of this run: printed, so that a failure can be repeated with FAULTS_SEED=… */
export function chooseSeed(what: string): number {
  const wanted = process.env['FAULTS_SEED']
  const seed = wanted === undefined ? 20_261_121 : Number(wanted)
  process.stdout.write(`${what}: FAULTS_SEED=${seed}\n`)
  return seed
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function chanceFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
