import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { account, basic, right } from '../access/parts.js'
import { startEdge, type TestEdge } from './edge.js'

let edge: TestEdge

beforeAll(async () => {
  const accounts = ['ci', 'zoë "z"'].map((name) => account(name, [right('**')]))
  edge = await startEdge({ anonymous: 'pull', access: { accounts } })
})
afterAll(() => edge.close())

async function told(authorization: string | undefined, behindNginx: boolean): Promise<unknown> {
  const headers = { 'x-entrepot-view': 'registry', ...(authorization !== undefined && { authorization }) }
  return (await edge.send('GET', '/v2/', { headers, behindNginx })).headers['x-entrepot-account']
}

test('nginx is told for its log who has logged in, with a password or a token', async () => {
  expect(await told(basic('ci'), true)).toBe('ci')
  const answer = await edge.send('GET', '/token?service=entrepot', {
    headers: { authorization: basic('ci') },
  })
  const { token } = JSON.parse(answer.body.toString()) as { token: string }
  expect(await told(`Bearer ${token}`, true)).toBe('ci')
})

test('a name that no header can hold is told in percents', async () => {
  expect(await told(basic('zoë "z"'), true)).toBe('zo%C3%AB%20%22z%22')
})

test('nobody is told of those who did not, and no client of anybody', async () => {
  expect(await told(basic('ci', 'wrong'), true)).toBeUndefined()
  expect(await told(undefined, true)).toBeUndefined()
  expect(await told(basic('ci'), false)).toBeUndefined()
})
