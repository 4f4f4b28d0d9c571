import type { Clock } from '../../../system/clock.js'
import { CertificateRefused } from '../certificate-refused.js'

const LIMIT_MS = 10 * 60_000

/**
 * An order as a whole: a server that answers byte by byte would keep it for ever, and nothing would be renewed.
 * @throws CertificateRefused `acme-timeout`
 */
export async function withinOrderLimit<T>(
  clock: Pick<Clock, 'sleep'>,
  stop: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [late, isOver] = [new AbortController(), new AbortController()]
  const why = new CertificateRefused('acme-timeout', { step: 'the order', seconds: LIMIT_MS / 1000 })
  clock.sleep(LIMIT_MS, isOver.signal).then(
    () => late.abort(why),
    () => undefined, // it was over before
  )
  try {
    return await run(AbortSignal.any([stop, late.signal]))
  } catch (error) {
    throw late.signal.aborted ? why : error
  } finally {
    isOver.abort()
  }
}
