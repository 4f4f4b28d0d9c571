import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { placesOf } from './box-places.js'
import { requireOwner } from './require-owner.js'

let data: string

beforeEach(() => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => fs.rmSync(data, { recursive: true }))

const SOMEBODY_ELSE = 4711

test('a box of somebody else is refused with the line that takes it, and never for root', () => {
  const places = placesOf({ data, secretKeyFile: undefined })
  requireOwner(places, SOMEBODY_ELSE) // nothing is there yet
  fs.writeFileSync(places.secretKey, '')
  expect(() => requireOwner(places, SOMEBODY_ELSE)).toThrow(
    `while it is stopped: sudo chown -R ${SOMEBODY_ELSE} ${data}`,
  )
  requireOwner(places, fs.statSync(data).uid)
  requireOwner(places, 0)
})

test('a key of their own and a store may be of others', () => {
  const key = `${data}.key`
  fs.writeFileSync(key, '')
  const places = placesOf({ data, secretKeyFile: key })
  fs.mkdirSync(places.store)
  requireOwner(places, SOMEBODY_ELSE)
  fs.rmSync(key)
})
