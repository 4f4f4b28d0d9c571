import { expect, test } from '@jest/globals'

import { systemRandom } from '../system/random.js'
import { Sealing } from '../system/sealed.js'
import { openSecrets, sealSecrets } from './upstream-secrets.js'

const HOST = 'quay.io'
const sealing = new Sealing(Buffer.alloc(32, 7), systemRandom)

test('what was sealed is what is opened', () => {
  for (const secrets of [
    { password: 'a', proxyPassword: undefined },
    { password: undefined, proxyPassword: '{}' },
    { password: '"', proxyPassword: 'b' },
  ])
    expect(openSecrets(sealing, HOST, sealSecrets(sealing, HOST, secrets))).toEqual(secrets)
})

test.each(['canary of then', '12345', '"quoted"', '{"user":1}', '[', ''])(
  'the bare password %j of an earlier version is one',
  (password) => {
    const sealed = sealing.seal(password, `upstream ${HOST}`)
    expect(openSecrets(sealing, HOST, sealed)).toEqual({ password, proxyPassword: undefined })
  },
)
