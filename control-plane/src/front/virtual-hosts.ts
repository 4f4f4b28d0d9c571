import { SettingRefused, type VirtualHost } from '@entrepot/front'
import { HUB_ALIASES } from '@entrepot/registry-core/contract'

import type { Intent } from './intent.js'
import { nginxSettings } from './nginx-settings.schema.js'

/**
 * The upstreams that clients reach under their own names, with every name that means them.
 * @throws SettingRefused for one that is not mirrored here
 */
export function virtualHostsOf({ nginx, upstreams }: Pick<Intent, 'nginx' | 'upstreams'>): VirtualHost[] {
  return nginxSettings.parse(nginx).virtualHosts.map((host) => {
    const upstream = upstreams.find((each) => each.host === host)
    if (upstream === undefined)
      throw new SettingRefused('virtualHosts', host, 'the host of an upstream of this box')
    const { aliases } = upstream.settings
    const further = [...(Array.isArray(aliases) ? aliases.map(String) : []), ...hubNames(host)]
    return { names: [...new Set([host, ...further])], view: { upstream: host } }
  })
}

/** The same names without judging them, for a certificate. */
export function virtualNamesOf(intent: Pick<Intent, 'nginx' | 'upstreams'>): readonly string[] {
  return virtualHostsOf(intent).flatMap(({ names }) => names)
}

function hubNames(host: string): readonly string[] {
  return host === 'docker.io' ? HUB_ALIASES : []
}
