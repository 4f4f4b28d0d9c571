import { findUpstreamHost } from '@entrepot/registry-core/contract'
import { Injectable } from '@nestjs/common'
import type { EntityManager } from 'typeorm'

import { Core } from '../core/core.js'
import { Database } from '../database/database.js'
import { Configurations } from '../front/configurations.service.js'
import type { Caller } from '../http/caller.js'
import { requireMatch } from '../http/entity-tag.js'
import { mergePatch } from '../http/merge-patch.js'
import { cutPage, type Page, type PageQuery } from '../http/paging.js'
import { ProductError } from '../http/product-error.js'
import { Versioned } from '../http/versioned.interceptor.js'
import { Sealing } from '../system/sealed.js'
import { UpstreamEntity } from './upstream.entity.js'
import {
  readUpstream,
  type Upstream,
  type UpstreamBefore,
  type UpstreamCheck,
  type UpstreamSettings,
  type UpstreamState,
} from './upstream.schema.js'
import { findSecrets, sealSecrets } from './upstream-secrets.js'

/** What is mirrored as shipped. */
export const UPSTREAM_HOSTS = [
  ...['docker.io', 'quay.io', 'ghcr.io', 'registry.k8s.io', 'docker.elastic.co', 'mcr.microsoft.com'],
] as const

/** The registries that are mirrored. What is taken out is not fetched any more; what was fetched stays. */
@Injectable()
export class Upstreams {
  constructor(
    private readonly database: Database,
    private readonly configurations: Configurations,
    private readonly sealing: Sealing,
    private readonly core: Core,
  ) {}

  async list({ limit, after = '' }: PageQuery): Promise<Page<Upstream>> {
    const rows = await this.database.transaction((manager) =>
      manager
        .createQueryBuilder(UpstreamEntity, 'upstream')
        .where('upstream.host > :after', { after })
        .orderBy('upstream.host')
        .take(limit + 1)
        .getMany(),
    )
    const page = cutPage(rows, limit, ({ host }) => host)
    return { ...page, items: page.items.map((row) => this.#shown(row)) }
  }

  async get(named: string): Promise<Versioned<Upstream>> {
    const host = canonicalHost(named)
    const row = await this.database.transaction((manager) => manager.findOneBy(UpstreamEntity, { host }))
    if (row === null) throw new ProductError('not-found', { what: 'upstream', name: host })
    return new Versioned(this.#shown(row), row.version)
  }

  /** As the core sees it now. */
  async state(host: string): Promise<UpstreamState> {
    const { value } = await this.get(host)
    const found = (await this.core.status()).upstreams.find((each) => each.host === value.host)
    if (found === undefined) throw new ProductError('not-found', { what: 'upstream of the core', name: host })
    return found
  }

  async check(host: string): Promise<UpstreamCheck> {
    const { value } = await this.get(host)
    const { findings, urls } = await this.core.checkUpstream(value.host)
    const isFine = findings.length === 0 && urls.every(({ steps }) => steps.every((step) => step.isFine))
    return { isFine, findings, urls }
  }

  put(host: string, body: UpstreamSettings, caller: Caller, ifMatch?: string): Promise<Versioned<Upstream>> {
    return this.#change('put', host, caller, ifMatch, () => body)
  }

  patch(
    host: string,
    patch: UpstreamSettings,
    caller: Caller,
    ifMatch?: string,
  ): Promise<Versioned<Upstream>> {
    return this.#change('patch', host, caller, ifMatch, (row) => {
      if (row === null) throw new ProductError('not-found', { what: 'upstream', name: host })
      return mergePatch(row.settings, patch) as UpstreamSettings
    })
  }

  async remove(named: string, caller: Caller, ifMatch?: string): Promise<void> {
    const host = canonicalHost(named)
    await this.configurations.change(caller, {
      action: 'upstreams.remove',
      target: host,
      run: async (manager) => {
        const row = await manager.findOneBy(UpstreamEntity, { host })
        if (row === null) throw new ProductError('not-found', { what: 'upstream', name: host })
        requireMatch(ifMatch, 'upstream', row.version)
        await manager.delete(UpstreamEntity, { host })
        return { answer: undefined, before: this.#shown(row) }
      },
    })
  }

  /** Those of the first start. */
  async ensureFirst(manager: EntityManager, hosts: readonly string[]): Promise<void> {
    for (const host of hosts) await this.#save(manager, host, null, {})
  }

  #change(
    verb: 'put' | 'patch',
    named: string,
    caller: Caller,
    ifMatch: string | undefined,
    next: (row: UpstreamEntity | null) => UpstreamSettings,
  ): Promise<Versioned<Upstream>> {
    const host = canonicalHost(named)
    return this.configurations.change(caller, {
      action: `upstreams.${verb}`,
      target: host,
      run: async (manager) => {
        const row = await manager.findOneBy(UpstreamEntity, { host })
        requireMatch(ifMatch, 'upstream', row?.version ?? 0)
        const after = await this.#save(manager, host, row, next(row))
        return {
          answer: new Versioned(this.#shown(after), after.version),
          ...(row !== null && { before: this.#shown(row) }),
          after: this.#shown(after),
        }
      },
    })
  }

  async #save(
    manager: EntityManager,
    named: string,
    row: UpstreamEntity | null,
    body: UpstreamSettings,
  ): Promise<UpstreamEntity> {
    const before = row === null ? undefined : this.#beforeOf(row)
    const { host, settings, secrets } = readUpstream(named, body, before)
    return manager.save(UpstreamEntity, {
      host,
      settings: { ...settings },
      position: row?.position ?? ((await manager.maximum(UpstreamEntity, 'position')) ?? -1) + 1,
      sealedPassword: sealSecrets(this.sealing, host, secrets),
      version: (row?.version ?? 0) + 1,
    })
  }

  #beforeOf({ host, settings, sealedPassword }: UpstreamEntity): UpstreamBefore {
    const none = { password: undefined, proxyPassword: undefined }
    return { settings, secrets: findSecrets(this.sealing, host, sealedPassword) ?? none }
  }

  /** A password that another key has sealed is none. */
  #shown({ host, settings, sealedPassword }: UpstreamEntity): Upstream {
    const { password } = findSecrets(this.sealing, host, sealedPassword) ?? {}
    return { host, ...settings, hasPassword: password !== undefined && settings['username'] !== undefined }
  }
}

/** `registry.example:5000` is kept as the store writes it, `registry.example_5000`. */
function canonicalHost(named: string): string {
  return findUpstreamHost(named) ?? named
}
