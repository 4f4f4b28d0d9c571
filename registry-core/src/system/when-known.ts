/** Goes on at once with what is known already: most requests need no look at the disk, and no turn of the loop. */
export function whenKnown<K, T>(known: K | Promise<K>, then: (known: K) => T | Promise<T>): T | Promise<T> {
  return known instanceof Promise ? known.then(then) : then(known)
}
