/* How long a client waits for an upstream (design §5). */

/** When there is something to serve. */
export const WAIT_WITH_COPY_MS = 2000
/** When there is nothing. */
export const WAIT_WITHOUT_MS = 5000
