import { expect, test } from '@jest/globals'
import { parseSettings } from './read-settings.js'

const MINIMAL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'

test.each([
  [
    'notifications: {endpoints: [{url: "ftp://me:hush@x"}]}',
    'config.yml: notifications.endpoints[0].url is "ftp://…@x"; allowed is an address that begins with http:// or https://',
  ],
  [
    'notifications: {endpoints: [{url: "http://x", headers: {X-Token: {a: hush}}}]}',
    'config.yml: notifications.endpoints[0].headers.X-Token is not shown; allowed is a list of printable texts',
  ],
  [
    'access: {accounts: ["ci:hush"]}',
    'config.yml: access.accounts[0] is not shown; allowed is a map of keys and values',
  ],
  [
    'access: {accounts: {ci: hush}}',
    'config.yml: access.accounts is not shown; allowed is a list of accounts',
  ],
  [
    'auth: {htpaswd: {realm: x, path: /x}}',
    'config.yml: auth.htpaswd is no kind of auth; allowed is htpasswd or token',
  ],
  ['auth: basic', 'config.yml: auth.basic is no kind of auth; allowed is htpasswd or token'],
  ['access: &all {immutable: *all}', 'config.yml: it is not YAML: an alias stands inside what it stands for'],
])('%s is refused in words that show no secret', (line, sentence) => {
  expect(() => parseSettings('config.yml', MINIMAL + line)).toThrow(
    expect.objectContaining({ name: 'ConfigurationError', message: sentence }),
  )
})
