import type { RouteSpec } from './route.js'

/** The part of `/api/v1` of every address. */
export const API = 'api/v1'

/** The address of a route, with its parameters and its query filled in. */
export function routeUrl(
  server: string,
  { path }: Pick<RouteSpec, 'path'>,
  values: Readonly<Record<string, string | number>> = {},
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const filled = path.replaceAll(/:(\w+)/g, (_whole, name: string) =>
    encodeURIComponent(String(values[name])),
  )
  const asked = Object.entries(query).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  )
  const search = new URLSearchParams(asked).toString()
  return `${server.replace(/\/+$/, '')}/${API}/${filled}${search === '' ? '' : `?${search}`}`
}
