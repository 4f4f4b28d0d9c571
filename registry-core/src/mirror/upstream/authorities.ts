import tls from 'node:tls'
import { lazily } from './lazily.js'

/** Besides Node's own authorities the machine's, where people put their company's. */
export function authorities(further: string | undefined): tls.SecureContext {
  if (further === undefined) return common()
  return tls.createSecureContext({ ca: [...known(), further] })
}

const known = lazily(() => [...tls.getCACertificates('default'), ...tls.getCACertificates('system')])
/** Reading some hundred certificates takes a while: once for all upstreams. */
const common = lazily(() => tls.createSecureContext({ ca: known() }))
