import { expect, test } from '@jest/globals'

import { GOLDEN_EXAMPLES } from './golden-examples.js'
import { renderFront } from './render.js'
import { findTraps } from './traps.js'

const [settings] = Object.values(GOLDEN_EXAMPLES)
if (settings === undefined) throw new Error('no example')
const SOUND = renderFront(settings)[0]?.text ?? ''

/** The sound configuration with one change: what must be found is the change's doing. */
function changed(from: string, to: string): string {
  if (!SOUND.includes(from)) throw new Error(`the configuration has no "${from}"`)
  return SOUND.replace(from, () => to)
}

test('a sound configuration has none', () => {
  expect(findTraps(SOUND)).toEqual([])
})

test.each([
  ['a captured group in a map', 'Host $client_host', 'Host $1', /captured group is used/],
  ['a regular expression that captures', '"~*^[a-z]+ +', '"~*^([a-z]+) +', /captures/],
  ['a named capture', '"~*^[a-z]+ +', '"~*^(?<method>[a-z]+) +', /captures/],
  ['a rewrite', 'location / {', 'location / { rewrite ^/a /b;', /rewrite is not used/],
  ['a set', 'location / {', 'location / { set $a b;', /set is not used/],
  ['an open_file_cache', 'sendfile on;', 'sendfile on; open_file_cache max=100;', /open_file_cache/],
  [
    'a location without the slash of its alias',
    'location /_blobs/ {',
    'location /_blobs {',
    /end with a slash/,
  ],
  ['an alias without a slash', 'registry/v2/blobs/;', 'registry/v2/blobs;', /end with a slash/],
  ['files that are not internal', 'internal;', '', /served to anybody/],
  [
    'a location by a regular expression',
    'location /_blobs/ {',
    'location ~ ^/_blobs/ {',
    /not by its prefix/,
  ],
  ['proxy_pass with a path, which decodes', 'http://core;', 'http://core/;', /decoded or a variable/],
  ['proxy_pass to a variable', 'http://core;', 'http://$http_host;', /decoded or a variable/],
  [
    'a header that clients may send',
    'proxy_set_header X-Real-IP $remote_addr;',
    '',
    /clients can send X-Real-IP/,
  ],
  [
    'an appended X-Forwarded-For',
    'X-Forwarded-For $remote_addr',
    'X-Forwarded-For $proxy_add_x_forwarded_for',
    /wrote/,
  ],
  [
    'a decoded path in a header',
    'add_header Cache-Control no-store',
    'add_header X-Path $uri',
    /what a client wrote/,
  ],
  [
    'a view that a request chooses',
    'X-Entrepot-View registry',
    'X-Entrepot-View $host',
    /not what the listener is/,
  ],
  [
    'an upstream that a request names',
    'X-Entrepot-Upstream ""',
    'X-Entrepot-Upstream $http_host',
    /not what the listener is/,
  ],
  ['a grammar that is not asked', 'if ($target_refused) { return 400; }', '', /not checked first/],
  [
    'an if that does more',
    'if ($ancient_docker) { return 418; }',
    'if ($ancient_docker) { internal; }',
    /more than return/,
  ],
])('%s is found', (_, from, to, trap) => {
  expect(findTraps(changed(from, to))).toEqual(expect.arrayContaining([expect.stringMatching(trap)]))
})

test.each([
  ['a listener of their own', { kind: 'challenge', folder: '/srv/challenges' }],
  ['a plain one with other things', { kind: 'http', challenges: '/srv/challenges' }],
] as const)('challenges of %s are files for anybody by the name of a token only', (_where, kind) => {
  const listeners = [{ ...kind, address: '127.0.0.1', port: 80 }]
  const [front] = renderFront({ ...settings, listeners })
  const conf = front?.text ?? ''
  expect(findTraps(conf)).toEqual([])
  const guard = 'if ($challenge_refused) { return 404; }'
  expect(conf).toContain(guard)
  expect(findTraps(conf.replace(guard, ''))).toEqual([expect.stringMatching(/served to anybody/)])
})
