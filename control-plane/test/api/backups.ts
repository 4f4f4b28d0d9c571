import { expect, test } from '@jest/globals'

import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { describeOn, type OpenStage } from './suite.js'

/** What the document says of them; what they do is in backup.test.ts. */
export function testBackups(open: OpenStage): void {
  describeOn('backup and restore', open, (stage) => {
    test('a backup is a file to be kept, and is taken back', async () => {
      const { headers, bytes } = await stage().api.done(BACKUP.backup, { body: {} })
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'content-disposition': expect.stringMatching(/^attachment; filename=entrepot-\d+T\d+Z\.tar\.gz$/),
      })
      const { body } = await stage().api.done(BACKUP.restore, { stream: bytes })
      expect(body).toMatchObject({ madeBy: '0.1.0', rows: { upstream: 6, account: 1 } })
    })

    test('neither is for whoever may only read', async () => {
      const reader = { token: 'entrepot_0123456789ab_wrong' }
      expect((await stage().api.refused(BACKUP.backup, { ...reader, body: {} })).status).toBe(401)
      expect(
        (await stage().api.refused(BACKUP.restore, { ...reader, stream: Buffer.from('x') })).status,
      ).toBe(401)
    })

    test('a passphrase that is short is refused at its field', async () => {
      const { errors } = await stage().api.refused(BACKUP.backup, { body: { passphrase: 'short' } })
      expect(errors?.[0]?.field).toBe('passphrase')
    })
  })
}
