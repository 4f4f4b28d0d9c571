/** The token of the log, for classes that Nest makes. */
export const LOG = Symbol('log')
