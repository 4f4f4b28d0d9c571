/** What a person should know about a configuration that is used all the same. */
export interface Notice {
  /** `accepted` has no effect on purpose; the others are mistakes, or look like them. */
  readonly kind: 'accepted' | 'misplaced' | 'unknown' | 'repeated'
  /** The key, or the environment variable. */
  readonly key: string
  readonly sentence: string
}
