import type { Random } from '#core/system/random.js'

/** Chance that a seed repeats: the same seed, the same run. */
export interface Chance {
  /** A number from 0 up to, not including, 1. */
  next(): number
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number
  /** True with this probability. */
  happens(probability: number): boolean
  /** One of the list. @throws when the list is empty */
  pick<T>(list: readonly T[]): T
}

/** A stream of numbers from a seed (splitmix32: every seed is as good as another, 0 and 1 too). */
export function seededChance(seed: number): Chance {
  let state = seed | 0
  function next(): number {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
  function below(limit: number): number {
    return Math.floor(next() * limit)
  }
  return {
    next,
    below,
    happens: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      for (const item of list.slice(below(list.length))) return item
      throw new Error('nothing to pick from')
    },
  }
}

/** Names and ids that a seed repeats. */
export function seededRandom(seed: number): Random {
  const chance = seededChance(seed)
  function hex(bytes: number): string {
    return Array.from({ length: bytes }, () => chance.below(256).toString(16).padStart(2, '0')).join('')
  }
  return {
    hex,
    uuid: () => `${hex(4)}-${hex(2)}-4${hex(2).slice(1)}-8${hex(2).slice(1)}-${hex(6)}`,
  }
}

/** Bytes that a seed repeats. */
export function seededBytes(seed: number, sizeBytes: number): Buffer {
  const chance = seededChance(seed)
  return Buffer.from(Array.from({ length: sizeBytes }, () => chance.below(256)))
}
