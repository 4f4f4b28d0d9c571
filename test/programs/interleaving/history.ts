import type { Digest } from '#core/oci/digest.js'

/** What a tag may stand for. */
export type TagValue = Digest | 'absent'

/** What was asked of a tag, and answered. */
export type TagOperation =
  | { readonly kind: 'write'; readonly value: TagValue }
  | { readonly kind: 'read'; readonly value: TagValue }
  /** DELETE by name; `wasThere` as it was answered. */
  | { readonly kind: 'delete'; readonly wasThere: boolean }
  /** Taken if it stands for `value`: it did (removed), or it did not (changed). */
  | { readonly kind: 'take'; readonly value: Digest; readonly must: boolean }

/** An operation with the time between its request and its answer. */
export interface TagEvent {
  readonly operation: TagOperation
  readonly begunAt: number
  /** Infinite while there is no answer: it may still take effect, or never. */
  readonly endedAt: number
}

/**
 * The values that the tag may have after the operation; none when it cannot have been answered so. `isUnsettled` says
 * that whoever wrote the value has not been answered and will see to it that it stands again.
 */
function applied(
  { operation, endedAt }: TagEvent,
  value: TagValue,
  isUnsettled: boolean,
): readonly TagValue[] {
  switch (operation.kind) {
    case 'write':
      return [operation.value]
    case 'read':
      return operation.value === value ? [value] : []
    case 'delete':
      return operation.wasThere === (value !== 'absent') ? ['absent'] : []
    case 'take': {
      const isTaken = value === operation.value
      if (operation.must) return isTaken ? ['absent'] : []
      // A remover that finds that it took something else puts nothing back: it answers "changed".
      const mayTake = isUnsettled || (isTaken && endedAt === Number.POSITIVE_INFINITY)
      return mayTake ? ['absent', value] : [value]
    }
  }
}

/**
 * True when the answers can be explained by the operations taking effect one after the other, each within its time.
 * A write may take effect again before it is answered, as often as something may have removed it meanwhile: a push whose
 * tag somebody takes publishes it again, but then it replaces nothing (ADR 12).
 */
export function isLinearizable(events: readonly TagEvent[], first: TagValue): boolean {
  const known = new Set<string>()
  const mayRepeat = events.map((event) => events.filter((other) => isRemovalBeside(other, event)).length)
  /** `done` is a set of events, a bit each; `effects` how often each has taken effect without being done. */
  function explains(done: number, effects: readonly number[], value: TagValue): boolean {
    const rest = [...events.keys()].filter((index) => (done & (1 << index)) === 0)
    const answers = rest.map((index) => events[index]?.endedAt ?? 0)
    const firstAnswer = Math.min(...answers)
    if (firstAnswer === Number.POSITIVE_INFINITY) return true
    const state = `${done} ${effects.join()} ${value}`
    if (known.has(state)) return false
    known.add(state)
    const ready = rest.filter((index) => (events[index]?.begunAt ?? 0) <= firstAnswer)
    // A read that fits changes nothing: it can always come first.
    const read = ready.find((index) => isReadOf(events[index], value))
    if (read !== undefined) return explains(done | (1 << read), effects, value)
    return ready.some((index) => {
      const event = events[index]
      if (event === undefined) return false
      const bit = 1 << index
      const before = effects[index] ?? 0
      // Something stands there when it comes again: it is answered as it is.
      if (before > 0 && value !== 'absent') return explains(done | bit, effects, value)
      const isUnsettled = rest.some((one) => (effects[one] ?? 0) > 0 && isWriteOf(events[one], value))
      const canRepeat = before < (mayRepeat[index] ?? 0)
      return applied(event, value, isUnsettled).some(
        (next) =>
          explains(done | bit, effects, next) ||
          (canRepeat && next !== value && explains(done, effects.with(index, before + 1), next)),
      )
    })
  }
  if (events.length > 30) throw new Error(`${events.length} operations on one tag are too many to check`)
  return explains(
    0,
    events.map(() => 0),
    first,
  )
}

function isReadOf(event: TagEvent | undefined, value: TagValue): boolean {
  return event?.operation.kind === 'read' && event.operation.value === value
}

function isWriteOf(event: TagEvent | undefined, value: TagValue): boolean {
  return event?.operation.kind === 'write' && event.operation.value === value
}

function isRemovalBeside(removal: TagEvent, { operation, begunAt, endedAt }: TagEvent): boolean {
  if (operation.kind !== 'write' || operation.value === 'absent') return false
  const { kind } = removal.operation
  const isRemoval =
    kind === 'take' || kind === 'delete' || (kind === 'write' && removal.operation.value === 'absent')
  return isRemoval && removal.begunAt < endedAt && begunAt < removal.endedAt
}
