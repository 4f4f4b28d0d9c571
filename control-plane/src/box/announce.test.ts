import { describe, expect, test } from '@jest/globals'
import { type Announcement, announcement } from './announce.js'
import { readBoxSettings } from './box-settings.js'
import { placesOf } from './box-places.js'

const MACHINE = { root: '/srv/entrepot', hasIPv6: true }

function said(environment: NodeJS.ProcessEnv = {}, about: Partial<Announcement> = {}): string {
  const settings = readBoxSettings(environment, MACHINE)
  return announcement({
    ...{ version: '0.4.0', pid: 12, settings, places: placesOf(settings) },
    fingerprint: 'AB:CD',
    firstStart: undefined,
    withoutControlPlane: undefined,
    ...about,
  })
}

test('what runs where, the authority, and three things to try', () => {
  expect(said()).toBe(`Entrepot 0.4.0, process 12, runs:
  registry   http://127.0.0.1:5000, everybody on this machine may push and pull; https://127.0.0.1:5443, push by account
  mirror     http://127.0.0.1:5001; https://127.0.0.1:5444, pull only
  admin      https://127.0.0.1:5445/api/docs
  authority  http://127.0.0.1:5000/ca: how clients come to trust the TLS addresses; compare its SHA-256:
             AB:CD
  content    /srv/entrepot/data/store; all state lies in /srv/entrepot/data
  try        docker tag busybox 127.0.0.1:5000/busybox && docker push 127.0.0.1:5000/busybox
  try        docker pull 127.0.0.1:5001/library/busybox; docker pull 127.0.0.1:5000/quay.io/prometheus/busybox
  try        npx entrepot login --server https://127.0.0.1:5445 && npx entrepot status
  docker     "registry-mirrors": ["http://127.0.0.1:5001"] in /etc/docker/daemon.json: docker pull busybox comes from here
  stop       Ctrl-C: running transfers may end; a second one ends at once`)
})

describe('a first start', () => {
  const account = { name: 'push', password: 'p4ss' }

  test('says token and account', () => {
    const firstStart = { kind: 'first-start', adminToken: 't0ken', account } as const
    expect(said({}, { firstStart })).toContain(
      "\n  token      t0ken  (the administrator's; shown this once)\n  account    push  password p4ss  (may push; shown this once)\n",
    )
  })

  test('says no token that somebody has chosen', () => {
    expect(said({}, { firstStart: { kind: 'first-start', account } })).not.toContain('token  ')
  })
})

test('a box that others reach is named as they do, and who may push over HTTP is said', () => {
  const open = said({
    ENTREPOT_BIND: '0.0.0.0',
    ENTREPOT_HTTP_BIND: '::',
    ENTREPOT_NAMES: 'registry.example.com,10.0.0.5',
  })
  expect(open).toContain(
    'http://[::1]:5000, everybody who reaches :: may push and pull; https://registry.example.com:5443',
  )
  expect(open).toContain('admin      https://registry.example.com:5445/')
})

test('an admin API that is not there yet is said with its cause', () => {
  expect(said({}, { withoutControlPlane: 'the disk is full' })).toContain(
    'admin      https://127.0.0.1:5445, not yet (the disk is full)\n',
  )
})
