import { X509Certificate } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'

import { Injectable } from '@nestjs/common'
import type { EntityManager } from 'typeorm'

import { AdminTokens } from '../access/admin-tokens.service.js'
import { resealed } from '../front/certificates/acme/sealed-file.js'
import { CertificateRefused } from '../front/certificates/certificate-refused.js'
import { type OwnCa, readOrMakeOwnCa } from '../front/certificates/own-ca.js'
import { Configurations } from '../front/configurations.service.js'
import { SettingEntity } from '../front/setting.entity.js'
import { Site } from '../front/site.js'
import type { Caller } from '../http/caller.js'
import { ClockProvider, RandomProvider } from '../system/providers.js'
import { Sealing } from '../system/sealed.js'
import { type Entry, KEY_ENTRY } from './archive.js'
import type { Restored } from './backup.schema.js'
import { certificateFileOf } from './certificate-files.js'
import { FileSwap, settleSwaps } from './file-swap.js'
import { readBackup, refusal, type UnpackedBackup } from './read-backup.js'
import { checkRows, type Keys, replaceRows } from './restore-rows.js'

/** Says which restore the database has kept, for whoever starts after a kill between files and database. */
const MARK = 'restored'
const KEY_BYTES = 32

/** Puts a backup in the place of what is there, whole or not at all. */
@Injectable()
export class Restores {
  /** One at a time: the files of two would be taken back in the wrong order. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly configurations: Configurations,
    private readonly tokens: AdminTokens,
    private readonly site: Site,
    private readonly sealing: Sealing,
    private readonly clock: ClockProvider,
    private readonly random: RandomProvider,
  ) {}

  /** @throws ProductError `not-restorable`, or `refused` by the box; then nothing has changed */
  async restore(body: Readable, passphrase: string | undefined, caller: Caller): Promise<Restored> {
    const id = this.random.bytes(8).toString('hex')
    const folder = path.join(this.site.certificates, `unpacking-${id}`)
    await mkdir(folder, { mode: 0o700 })
    try {
      const text = passphrase === undefined ? undefined : Buffer.from(passphrase, 'base64').toString('utf8')
      const backup = await readBackup(body, { folder, passphrase: text })
      const keys = { theirs: await this.#sealingOf(backup), ours: this.sealing }
      await checkRows(backup, keys)
      const found = await filesOf(backup, keys)
      const authority = await this.#authorityOf(found, folder)
      const files = found.map((file) => ({ ...file, bytes: rewritten(authority, file) }))
      const what = { backup, keys, files, authority: authority.fingerprint }
      const turn = this.#last.then(() => this.#change(id, what, caller))
      this.#last = turn.catch(() => undefined)
      return await turn
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** At each start, and after a commit whose answer was lost: under the lock of the configuration, before anybody reads the files. */
  async settle(manager: EntityManager): Promise<void> {
    const mark = await manager.findOneBy(SettingEntity, { name: MARK })
    const id = mark?.value['id']
    await settleSwaps(this.site.certificates, typeof id === 'string' ? id : undefined)
  }

  async #change(
    id: string,
    {
      backup,
      keys,
      files,
      authority,
    }: {
      readonly backup: UnpackedBackup
      readonly keys: Keys
      readonly files: readonly Entry[]
      readonly authority: string
    },
    caller: Caller,
  ): Promise<Restored> {
    const { at: madeAt, product: madeBy } = backup.manifest
    const swap = new FileSwap(this.site.certificates, id, this.random)
    const restored = await this.configurations.change(caller, {
      action: 'restore',
      target: madeAt,
      run: async (manager) => {
        const rows = await this.tokens.replacing(manager, caller, () => replaceRows(manager, backup, keys))
        await manager.save(SettingEntity, { name: MARK, value: { id, madeAt, madeBy }, version: 1 })
        await swap.swap(files)
        const answer = { madeAt, madeBy, authority, rows }
        return { answer, after: answer }
      },
      takeBack: () => swap.takeBack(),
      decide: (manager) => this.settle(manager),
    })
    this.tokens.forget()
    await swap.finish()
    return restored
  }

  async #sealingOf(backup: UnpackedBackup): Promise<Sealing> {
    const key = Buffer.from((await backup.read(KEY_ENTRY)).toString('utf8'), 'base64')
    if (key.length !== KEY_BYTES) throw refusal('its secret key is none')
    return new Sealing(key, this.random)
  }

  /** The authority must be whole, or the box would not start again. */
  async #authorityOf(files: readonly Entry[], folder: string): Promise<OwnCa> {
    if (['ca.pem', 'ca.key'].some((name) => !files.some((file) => file.name === name)))
      throw refusal('its authority is missing')
    const { clock, random } = this
    try {
      const unpacked = path.join(folder, 'entries', 'certificates')
      return await readOrMakeOwnCa({ folder: unpacked, boxName: this.site.host, clock, random })
    } catch (error) {
      if (!(error instanceof CertificateRefused)) throw error
      throw refusal(`its authority cannot be used: ${error.message}`, error)
    }
  }
}

async function filesOf(backup: UnpackedBackup, keys: Keys): Promise<readonly Entry[]> {
  const files: Entry[] = []
  for (const entry of backup.entries) {
    const name = certificateFileOf(entry)
    if (name === undefined) continue
    const bytes = await backup.read(entry)
    files.push({ name, bytes: name.startsWith('acme/') ? resealedBytes(name, bytes, keys) : bytes })
  }
  return files
}

/** Clients are given the file of the authority: nothing but the certificate that was looked at stands in it. */
function rewritten(authority: OwnCa, { name, bytes }: Entry): Buffer {
  return name === 'ca.pem' ? Buffer.from(new X509Certificate(authority.pem).toString()) : bytes
}

/** By this box's own key. */
function resealedBytes(name: string, bytes: Buffer, keys: Keys): Buffer {
  try {
    return Buffer.from(resealed(name, bytes.toString('utf8'), keys))
  } catch (error) {
    throw refusal(`${name} was not sealed by its secret key`, error)
  }
}
