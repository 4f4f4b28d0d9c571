import { expect, test } from '@jest/globals'

import { systemRandom } from '../system/random.js'
import { Sealing } from '../system/sealed.js'
import { sealSecrets } from '../upstreams/upstream-secrets.js'
import { localUpstreams } from './local-upstreams.js'

const FOLDER = '/generations/1'
const HOST = 'quay.io'
const sealing = new Sealing(Buffer.alloc(32, 1), systemRandom)
const upstream = {
  ...{ host: HOST, settings: { username: 'robot', maxConnections: 4 } },
  sealedPassword: sealSecrets(sealing, HOST, { password: 'p', proxyPassword: undefined }),
}

test('a password is a file that only its owner reads', () => {
  expect(localUpstreams({ upstreams: [upstream] }, { folder: FOLDER, sealing })).toEqual({
    upstreams: [
      ...[
        {
          host: HOST,
          maxConnections: 4,
          username: 'robot',
          passwordFile: `${FOLDER}/upstreams/quay.io.password`,
        },
      ],
    ],
    files: [],
    secrets: [{ path: 'upstreams/quay.io.password', mode: 0o600, text: 'p' }],
  })
})

test('an upstream whose password another key has sealed is asked as nobody', () => {
  const another = new Sealing(Buffer.alloc(32, 2), systemRandom)
  expect(localUpstreams({ upstreams: [upstream] }, { folder: FOLDER, sealing: another })).toEqual({
    ...{ upstreams: [{ host: HOST, maxConnections: 4 }], files: [], secrets: [] },
  })
})
