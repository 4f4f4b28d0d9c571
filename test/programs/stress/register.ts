/**
 * Is a history of one register linearizable? Each operation must seem to happen at one instant between its call and
 * its answer (Herlihy and Wing). A tag is such a register: pushes write, GETs read, DELETEs empty it.
 */
export interface Operation {
  readonly kind: 'write' | 'read' | 'delete' | 'delete-if'
  /** What was written or read, or what a `delete-if` removes; undefined: absent. */
  readonly value?: string | undefined
  readonly startMs: number
  /** The answer; of an unanswered one the moment from which it cannot happen any more. */
  readonly endMs: number
  /** The connection broke first: it has happened in between, or never will. */
  readonly isUnanswered?: boolean
}

export interface Verdict {
  readonly isLinearizable: boolean
  /** The first operation whose answer nothing explains, and what was going on then. */
  readonly offender?: Operation
  readonly meanwhile?: readonly Operation[]
}

/** One way the past may have been: what the register holds, and which of the open operations have happened. */
interface Past {
  readonly value: string | undefined
  readonly done: ReadonlySet<Operation>
}

interface Moment {
  readonly atMs: number
  readonly kind: 'call' | 'answer'
  readonly operation: Operation
}

/** More pasts than this are no check any more but a hang: too much overlaps. */
const MOST_PASTS = 200_000

/**
 * Follows every past that the answers allow; when none is left, the history is no register's. For some clients: with
 * dozens of overlapping writes there are too many pasts.
 * @throws when that happens
 */
export function checkRegister(history: readonly Operation[], initial?: string): Verdict {
  const open = new Set<Operation>()
  let pasts: readonly Past[] = [{ value: initial, done: new Set() }]
  for (const { kind, operation } of momentsOf(history)) {
    if (kind === 'call') {
      open.add(operation)
      continue
    }
    const survivors = answered(pasts, open, operation)
    if (survivors.length === 0)
      return {
        isLinearizable: false,
        offender: operation,
        meanwhile: [...open].filter((one) => one !== operation),
      }
    open.delete(operation)
    pasts = survivors
  }
  return { isLinearizable: true }
}

function momentsOf(history: readonly Operation[]): readonly Moment[] {
  const moments = history.flatMap((operation): readonly Moment[] => [
    { atMs: operation.startMs, kind: 'call', operation },
    { atMs: operation.endMs, kind: 'answer', operation },
  ])
  // At the same instant calls come first: whoever overlaps in a point overlaps.
  return moments.sort((a, b) => a.atMs - b.atMs || (a.kind === b.kind ? 0 : a.kind === 'call' ? -1 : 1))
}

/** The pasts in which the operation has happened by now, with it forgotten. */
function answered(pasts: readonly Past[], open: ReadonlySet<Operation>, operation: Operation): Past[] {
  const order = [...open]
  const keyOf = ({ value, done }: Past): string =>
    `${value} ${order.map((one) => Number(done.has(one))).join('')}`
  const known = new Map<string, Past>(pasts.map((past) => [keyOf(past), past]))
  for (const past of known.values()) {
    // Lazily: later operations have their own answers to wait for; this one can publish again until now.
    for (const next of past.done.has(operation) ? [operation] : open) {
      const after = happened(past, next)
      if (after !== undefined && !known.has(keyOf(after))) known.set(keyOf(after), after)
    }
    if (known.size > MOST_PASTS) throw new Error(`${open.size} overlapping operations are too many to check`)
  }
  const survivors = new Map<string, Past>()
  for (const { value, done } of known.values()) {
    if (!done.has(operation) && operation.isUnanswered !== true) continue
    const rest = { value, done: new Set([...done].filter((one) => one !== operation)) }
    survivors.set(keyOf(rest), rest)
  }
  return [...survivors.values()]
}

/** Undefined when the operation cannot happen now. */
function happened({ value, done }: Past, operation: Operation): Past | undefined {
  // A push that a delete has crossed publishes again what it finds missing (gc-protocol §5), as long as it is open.
  const isPublishedAgain = operation.kind === 'write' && value === undefined
  if (done.has(operation)) return isPublishedAgain ? { value: operation.value, done } : undefined
  const after = new Set(done).add(operation)
  switch (operation.kind) {
    case 'write':
      return { value: operation.value, done: after }
    case 'delete':
      return { value: undefined, done: after }
    case 'delete-if':
      return { value: value === operation.value ? undefined : value, done: after }
    case 'read':
      return value === operation.value ? { value, done: after } : undefined
  }
}

/**
 * The same question for answered writes and reads alone where no value is written twice, however many overlap (Gibbons
 * and Korach, "Testing Shared Memories"): a value and its reads span a zone; zones that must last may not overlap, and
 * a value that is there for an instant only needs one outside of them.
 */
export function checkDistinctWrites(history: readonly Operation[]): boolean {
  const zones = [...Map.groupBy(history, ({ value }) => value)].map(([value, operations]) => {
    const write = operations.find(({ kind }) => kind === 'write')
    if (value !== undefined && write === undefined) return undefined
    const writtenFrom = write?.startMs ?? Number.NEGATIVE_INFINITY
    if (operations.some(({ endMs }) => endMs < writtenFrom)) return undefined
    const ends = [...operations.map(({ endMs }) => endMs), ...(write ? [] : [Number.NEGATIVE_INFINITY])]
    return { firstEnd: Math.min(...ends), lastStart: Math.max(...operations.map(({ startMs }) => startMs)) }
  })
  const whole = zones.filter((zone) => zone !== undefined)
  if (whole.length < zones.length) return false // a value from nowhere, or from the future
  const lasting = whole.filter(({ firstEnd, lastStart }) => firstEnd < lastStart)
  const instant = whole.filter(({ firstEnd, lastStart }) => firstEnd >= lastStart)
  lasting.sort((a, b) => a.firstEnd - b.firstEnd)
  const overlap = lasting.some((zone, index) => zone.firstEnd < (lasting[index - 1]?.lastStart ?? -Infinity))
  const hidden = instant.some(({ firstEnd, lastStart }) =>
    lasting.some((zone) => zone.firstEnd < lastStart && firstEnd < zone.lastStart),
  )
  return !overlap && !hidden
}
