import { expect, test } from '@jest/globals'
import { findFileRefusal } from './file-refusals.js'

const FOLDER = '/srv/entrepot'

function systemError(detail: {
  readonly code: string
  readonly path?: string
  readonly syscall?: string
}): Error {
  return Object.assign(new Error(detail.code), detail)
}

test.each([[`${FOLDER}/config`], [FOLDER], ['/srv'], ['/']])(
  'what cannot be written in the folder, or on the way to it, is said with the folder: %s',
  (path) => {
    expect(findFileRefusal(FOLDER, systemError({ code: 'EACCES', path }))?.message).toContain(FOLDER)
  },
)

test.each([
  [{ code: 'EACCES', path: '/usr/sbin/policy-rc.d' }],
  [{ code: 'EROFS', path: '/srv/entrepot-2/config' }],
  [{ code: 'EPERM', syscall: 'kill' }],
])('what is elsewhere, or no file, is not said of the folder: %j', (detail) => {
  expect(findFileRefusal(FOLDER, systemError(detail))).toBeUndefined()
})
