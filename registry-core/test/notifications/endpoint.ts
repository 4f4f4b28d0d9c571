import type { EndpointSettings } from '#core/notifications/settings.js'

/** An endpoint as a file without further words has it. */
export function endpoint(further: Partial<EndpointSettings> = {}): EndpointSettings {
  return {
    ...{
      name: 'hub',
      nth: 0,
      url: 'http://hub',
      headers: [],
      timeoutMs: 1000,
      threshold: 3,
      backoffMs: 5000,
    },
    ...{ ignoredMediaTypes: [], ignoredActions: [] },
    ...further,
  }
}
