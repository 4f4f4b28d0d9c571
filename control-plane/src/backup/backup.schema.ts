import { z } from 'zod'

import { route } from '../http/route.js'

const PASSPHRASE = 'a passphrase of 8 to 1024 characters'

const wish = z
  .strictObject({
    passphrase: z.string(PASSPHRASE).min(8, PASSPHRASE).max(1024, PASSPHRASE).optional().meta({
      description: 'Encrypts the whole. Without one the file holds every secret of the box in the clear.',
    }),
  })
  .meta({ id: 'BackupWish' })

const restored = z
  .strictObject({
    madeAt: z.string().meta({ description: 'When the backup was made.' }),
    madeBy: z.string().meta({ description: 'The version of the product that made it.' }),
    authority: z.string().meta({ description: 'Fingerprint of the authority that the box has by now.' }),
    rows: z
      .record(z.string(), z.int())
      .meta({ description: 'How many rows were written, by table; of the audit and history only new ones.' }),
  })
  .meta({ id: 'Restored' })

export type BackupWish = z.output<typeof wish>
/** What a restore has done, for the person who waits for it. */
export type Restored = z.output<typeof restored>

/** Where a restore is told the passphrase: base64 of UTF-8, since a header holds little else. */
export const PASSPHRASE_HEADER = 'entrepot-passphrase'

export const BACKUP_ROUTES = {
  backup: route({
    ...{ method: 'POST', path: 'backup', needs: 'admin', body: wish, status: 200 },
    summary: 'Answers all that the box must not lose, but for its images: a tar.gz, encrypted on request',
    type: 'application/octet-stream',
  }),
  restore: route({
    ...{ method: 'POST', path: 'restore', needs: 'admin', status: 200, answer: restored },
    summary: 'Puts a backup in the place of what is there, whole or not at all',
    takes: 'application/octet-stream',
  }),
} as const
