import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { BACKUP_ROUTES as BACKUP, PASSPHRASE_HEADER } from '#control/backup/backup.schema.js'
import { CERTIFICATE_ROUTES as CERTIFICATES } from '#control/front/certificates.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import type { ApiStage } from './api-stage.js'

/** Of an upstream. */
export const PASSWORD = 'canary-of-the-upstream'

/** Makes something of everything. */
export async function live({ api }: ApiStage): Promise<void> {
  await api.done(NGINX.patch, { body: { maxUploadSize: '32g', names: ['other.example'] } })
  await api.done(ACCOUNTS.create, {
    body: { name: 'ci', rights: [{ repositories: ['**'], actions: ['pull'] }] },
  })
  await api.done(UPSTREAMS.put, {
    ...{ path: { host: 'quay.io' }, body: { username: 'robot', password: PASSWORD, freshFor: '1h' } },
  })
  await api.done(CERTIFICATES.request, { body: { key: 'p256' } })
}

/** One of it, as the API answers it. */
export async function backup({ api }: ApiStage, passphrase?: string): Promise<Buffer> {
  const { bytes } = await api.done(BACKUP.backup, { body: passphrase === undefined ? {} : { passphrase } })
  return bytes
}

/** How a backup is sent. */
export function sent(stream: Uint8Array, passphrase?: string) {
  const header =
    passphrase === undefined ? {} : { [PASSPHRASE_HEADER]: Buffer.from(passphrase).toString('base64') }
  return { stream, headers: header }
}

/** Everything that is meant, as the API shows it, and the files of the authority. */
export async function look({ api, certificates }: ApiStage) {
  const answers: Record<string, unknown> = {}
  for (const route of [ACCOUNTS.list, UPSTREAMS.list, NGINX.get, CERTIFICATES.requests])
    answers[route.path] = (await api.done(route)).body
  const { authority } = (await api.done(CERTIFICATES.show)).body
  const pair = ['ca.pem', 'ca.key'].map((name) => readFileSync(path.join(certificates, name), 'utf8'))
  return { answers, authority, pair }
}

/** Nothing of a restore is left lying about. */
export function leftOvers({ certificates }: ApiStage): readonly string[] {
  return readdirSync(certificates).filter((name) => !/^(?:ca\.(?:pem|key)|server|requests)$/.test(name))
}
