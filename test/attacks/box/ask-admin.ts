import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { OutgoingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'

import type { RunningBox } from '../../box/running-box.js'

export interface AdminCall {
  readonly method?: string
  /** As it goes over the wire. */
  readonly target: string
  readonly headers?: OutgoingHttpHeaders
  /** An object is sent as JSON. */
  readonly body?: object | string
  /** The admin's own is sent, unless another is given; null sends none. */
  readonly token?: string | null
  /** One of 127.0.0.0/8: who asks. */
  readonly from?: string
  readonly port?: number
}

export interface AdminAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** One call of the admin listener by TLS, on a connection of its own. */
export async function askAdmin(box: RunningBox, call: AdminCall): Promise<AdminAnswer> {
  const { method = 'GET', target, headers = {}, body, token = box.token, from, port = box.ports.admin } = call
  const request = https.request({
    ...{ host: '127.0.0.1', port, path: target, method, agent: false, ca: readFileSync(box.caFile) },
    ...(from !== undefined && { localAddress: from }),
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
  })
  const answered = once(request, 'response')
  request.end(typeof body === 'object' ? JSON.stringify(body) : body)
  const [response] = (await answered) as [
    NodeJS.ReadableStream & { statusCode?: number; headers: AdminAnswer['headers'] },
  ]
  const text = (await buffer(response)).toString()
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

/** All that an attack could have changed, as the API tells it. */
export async function stateOf(box: RunningBox): Promise<string> {
  const targets = [
    'accounts',
    'admin-tokens',
    'upstreams',
    'settings/nginx',
    'certificates',
    'config/history',
  ]
  const answers = []
  for (const target of targets) answers.push((await askAdmin(box, { target: `/api/v1/${target}` })).text)
  return answers.join('\n')
}
