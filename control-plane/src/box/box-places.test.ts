import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { placesOf } from './box-places.js'
import { PORT, postgresPlaces } from './postgres/postgres-places.js'

let data: string

beforeEach(() => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => fs.rmSync(data, { recursive: true }))

function placesIn(folder: string) {
  return placesOf({ data: folder, secretKeyFile: undefined })
}

describe('the store', () => {
  test('has a folder of its own in a new box', () => {
    expect(placesIn(data).store).toBe(path.join(data, 'store'))
  })

  test.each([['docker/registry/v2'], ['entrepot/store.json']])(
    'is the folder itself that holds %s',
    (name) => {
      fs.mkdirSync(path.join(data, name), { recursive: true })
      expect(placesIn(data).store).toBe(data)
    },
  )

  test('stays where the first start has put it', () => {
    fs.mkdirSync(path.join(placesIn(data).store, 'docker'), { recursive: true })
    expect(placesIn(data).store).toBe(path.join(data, 'store'))
  })
})

test('everything of a box lies below its data folder, but a secret key that is named', () => {
  const { secretKey, ...others } = placesOf({ data, secretKeyFile: '/etc/box.key' })
  expect(secretKey).toBe('/etc/box.key')
  for (const place of Object.values(others)) expect(place.startsWith(data)).toBe(true)
})

test('a folder in which no socket has a place is refused, with the length that has', () => {
  const tooLong = `/${'x'.repeat(80)}`
  expect(() => placesIn(tooLong)).toThrow('whose path has 80 or fewer')
  const { postgres, run } = placesIn(tooLong.slice(0, 80))
  const { socketFolder } = postgresPlaces(postgres, run) // refuses what it cannot have
  expect(path.join(socketFolder, `.s.PGSQL.${PORT}`)).toHaveLength(107)
})

test.each([
  ['/srv/my box'],
  ['/srv/"box"'],
  ['/srv/$HOME'],
  ['/srv/a;b'],
  ['/srv/{a}'],
  ['/srv/#1'],
  ['/srv/a\\b'],
])('a folder that nginx cannot name is refused: %s', (folder) => {
  expect(() => placesIn(folder)).toThrow(`ENTREPOT_DATA is ${folder}: nginx takes no path with spaces`)
})
