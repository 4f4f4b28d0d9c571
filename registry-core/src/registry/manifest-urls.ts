import { createContext, Script } from 'node:vm'
import type { UrlRules } from '../config/settings.js'
import { RegistryError } from '../oci/failure.js'

/** The patterns are the operator's, the URLs a stranger's: together they must not keep the process busy. */
const LIMIT_MS = 50

const MATCH = new Script('urls.find((url) => !isAllowed(url))')

/**
 * Refuses what `validation.manifests.urls` does not allow, as registry:2 does: http or https, without a fragment, one of
 * `allow`, none of `deny`. @throws RegistryError `manifest-invalid`
 */
export function checkUrls(urls: readonly string[], rules: UrlRules): void {
  if (urls.length === 0) return
  const refused = firstRefused(urls, rules)
  if (refused === undefined) return
  const why = `validation.manifests.urls does not allow the URL ${JSON.stringify(refused).slice(0, 200)}`
  throw new RegistryError('manifest-invalid', { why })
}

/** Go's patterns take linear time, ours need not: a clock stops them, and what takes so long is not allowed. */
function firstRefused(urls: readonly string[], rules: UrlRules): string | undefined {
  const context = createContext({ urls, isAllowed: (url: string) => isAllowed(url, rules) })
  try {
    const found: unknown = MATCH.runInContext(context, { timeout: LIMIT_MS })
    return typeof found === 'string' ? found : undefined
  } catch {
    return urls[0]
  }
}

function isAllowed(url: string, { allow, deny }: UrlRules): boolean {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.hash !== '') return false
  if (deny.some((pattern) => pattern.test(url))) return false
  return allow.length > 0 ? allow.some((pattern) => pattern.test(url)) : deny.length > 0
}
