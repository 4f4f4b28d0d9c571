import { isIP } from 'node:net'
import { getDomain } from 'tldts'

/** What a token service named by an upstream may be asked: with the credential, without it, or not at all. */
export type RealmTrust = 'credential' | 'anonymous' | 'refused'

/**
 * An upstream names its token service itself, so whoever answers in its place could name his own (attack row 49). The
 * credential goes to the upstream's own host, to its registrable domain over https, and to `realms`; never over http
 * when the upstream is asked over https.
 */
export function trustOfRealm(realm: URL, upstream: URL, realms: readonly string[]): RealmTrust {
  if (realm.protocol !== 'https:' && realm.protocol !== 'http:') return 'refused'
  if (realm.username !== '' || realm.password !== '') return 'refused'
  const isOwnHost = realm.hostname === upstream.hostname
  const isListed = realms.some((one) => [realm.host, realm.hostname].includes(one.toLowerCase()))
  if (realm.protocol === 'http:') {
    if (upstream.protocol === 'https:') return 'refused'
    return isOwnHost || isListed ? 'credential' : 'refused'
  }
  return isOwnHost || isListed || isSameDomain(realm.hostname, upstream.hostname) ? 'credential' : 'anonymous'
}

/** Names below one public suffix are strangers to each other, `github.io` as well as `co.uk`; addresses have no domain. */
function isSameDomain(one: string, other: string): boolean {
  if (isIP(one.replace(/^\[(.*)\]$/, '$1')) !== 0) return false
  const domain = getDomain(one, { allowPrivateDomains: true })
  return domain !== null && domain === getDomain(other, { allowPrivateDomains: true })
}
