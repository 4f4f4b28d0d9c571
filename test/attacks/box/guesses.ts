import { expect, test } from '@jest/globals'

import type { RunningBox } from '../../box/running-box.js'
import { askAdmin } from './ask-admin.js'

const KNOWN = [
  'admin:admin',
  'admin:password',
  'entrepot:entrepot',
  'root:root',
  'admin:',
  ':',
  'postgres:postgres',
]

/** Row 67: who guesses, by the address that nginx sees. */
export function testGuesses(box: () => RunningBox): void {
  test('tokens are guessed ten times from one address, whatever address the client writes', async () => {
    const guess = (
      at: number,
      from = '127.0.0.50',
      token = `entrepot_00000000000${at % 10}_${'0'.repeat(48)}`,
    ) => {
      const lie = `10.0.0.${at}`
      const headers = {
        'x-forwarded-for': lie,
        'x-real-ip': lie,
        forwarded: `for=${lie}`,
        'client-ip': lie,
        'x-client-ip': lie,
      }
      return askAdmin(box(), { target: '/api/v1/health', token, from, headers })
    }
    const statuses: number[] = []
    for (let at = 0; at < 12; at++) statuses.push((await guess(at)).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429])
    const late = await guess(12)
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0)
    expect((await guess(13, '127.0.0.51', box().token)).status).toBe(200)
    expect((await guess(14, '127.0.0.51')).status).toBe(401)
  })

  test('passwords are guessed ten times for one account from one address', async () => {
    const { name, password } = await box().addAccount('guessed', { repositories: ['**'], actions: ['pull'] })
    const login = (at: number, from: string, text = `${name}:wrong${at}`) => {
      const lie = `10.0.0.${at}`
      const headers = {
        authorization: `Basic ${Buffer.from(text).toString('base64')}`,
        'x-forwarded-for': lie,
        'x-real-ip': lie,
      }
      return askAdmin(box(), { target: '/v2/', port: box().ports.tls, token: null, from, headers })
    }
    const statuses: number[] = []
    for (let at = 0; at < 11; at++) statuses.push((await login(at, '127.0.0.60')).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429])
    const right = `${name}:${password}`
    expect((await login(20, '127.0.0.60', right)).status).toBe(429)
    expect((await login(21, '127.0.0.61', right)).status).toBe(200)
    await box().change('DELETE', `accounts/${name}`)
  })

  test('nothing is open by a password that everybody knows, nor by none', async () => {
    for (const [at, text] of KNOWN.entries()) {
      const from = `127.0.1.${at + 1}`
      const basic = { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
      const target = '/v2/team/app/blobs/uploads/'
      const push = await askAdmin(box(), {
        method: 'POST',
        target,
        port: box().ports.tls,
        headers: basic,
        token: null,
        from,
      })
      expect([text, push.status]).toEqual([text, 401])
      const [, token = 'x'] = text.split(':')
      const asked = await askAdmin(box(), { target: '/api/v1/health', token: token || 'x', from })
      expect([text, asked.status]).toEqual([text, 401])
    }
  })
}
