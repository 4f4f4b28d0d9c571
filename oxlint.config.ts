// Every rule about imports, time and size stands here, once. What a linter cannot see is in registry-core/test/architecture.test.ts.
import { defineConfig, type OxlintOverride } from 'oxlint'

/** A pattern of no-restricted-imports. */
interface Restriction {
  /** Without lookaround: the linter drops a pattern with it in silence. */
  readonly regex: string
  readonly message: string
  readonly importNames?: string[]
  readonly allowTypeImports?: boolean
}

/** registry-core/src from the top down: a folder imports from those below it, never from one above. */
const CORE_FOLDERS = [
  'cli',
  'config',
  'http',
  'access',
  'views',
  'health',
  'housekeeping',
  'notifications',
  'collect',
  'inspect',
  'mirror',
  'registry',
  'store',
]

const CORE_ALONE: Restriction = {
  regex: '^(@nestjs/|typeorm$|pg$|@entrepot/(control-plane|front))|/control-plane/|/nginx/',
  message: 'registry-core stands alone.',
}
const TIMERS: Restriction = {
  regex: '^(node:)?timers(/promises)?$',
  importNames: ['setTimeout', 'setInterval', 'scheduler'], // setImmediate gives others their turn: no time in it
  message: 'Timers belong to the clock (system/clock.ts).',
}
const CHANCE: Restriction = {
  regex: '^(node:)?crypto$',
  importNames: ['randomUUID', 'randomBytes', 'randomInt', 'webcrypto'],
  message: 'Chance comes from system/random.ts.',
}
const HTTP: Restriction = {
  regex: '^((node:)?(http|https|http2)|undici)$',
  message: 'http/ is the only folder that knows HTTP; SPEAKS_HTTP names the clients.',
}
const FILES: Restriction = {
  regex: '^(node:)?fs(/promises)?$',
  message: 'Files are touched through store/fs.ts, so that tests can simulate them.',
}
const NOTHING_OF_OURS: Restriction = {
  regex: '^\\.\\./',
  message: 'oci/ and system/ are open to all and import nothing of ours.',
}
const CONFIG_IS_TYPES: Restriction[] = [
  {
    regex: '^(\\.\\./)+config/([^s]|s[^e]|se[^t])',
    message: 'Only cli/ and compose.ts read the configuration.',
  },
  {
    regex: '^(\\.\\./)+config/settings\\.js$',
    allowTypeImports: true,
    message: 'The types of the settings are open to all, their parser is for cli/ and compose.ts.',
  },
]

/** The folders above this one, and the files that wire everything. */
function above(folder: string): Restriction {
  // config/ is not among them: its types are open to all (CONFIG_IS_TYPES).
  const upper = CORE_FOLDERS.slice(0, CORE_FOLDERS.indexOf(folder)).filter((name) => name !== 'config')
  return {
    regex: `^(\\.\\./)+((${upper.join('|')})/|(main|compose|contract)\\.js$)`,
    message: `${folder}/ is below: imports go downwards.`,
  }
}

function restrict(files: string[], ...patterns: Restriction[]): OxlintOverride {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } }
}

/** Files that must exist before there is an Fs: the configuration, the root, a socket. */
const BEFORE_THE_STORE = [
  'registry-core/src/config/read-settings.ts',
  'registry-core/src/http/listen.ts',
  'registry-core/src/http/tls/certificates.ts',
  'registry-core/src/http/tls/renewal.ts',
  'registry-core/src/store/node-fs.ts',
  'registry-core/src/store/filesystem/start/open-on-disk.ts',
  'registry-core/src/store/filesystem/start/prepare-root.ts',
]

/** Clients of HTTP outside http/ (ADR 6). */
const SPEAKS_HTTP = [
  'registry-core/src/health/checks.ts',
  'registry-core/src/mirror/upstream/connections.ts',
  'registry-core/src/mirror/upstream/wire.ts',
  'registry-core/src/notifications/post.ts',
]

function layer(folder: string): Restriction[] {
  return [
    ...[CORE_ALONE, TIMERS, CHANCE, above(folder)],
    ...(folder === 'http' ? [] : [HTTP]),
    ...(folder === 'config' ? [] : CONFIG_IS_TYPES),
  ]
}

const coreLayers = [
  restrict(['registry-core/**'], CORE_ALONE, TIMERS, CHANCE),
  restrict(['control-plane/**'], TIMERS, CHANCE),
  // cli/ sees all
  ...CORE_FOLDERS.slice(1).flatMap((folder) => [
    restrict([`registry-core/src/${folder}/**`], FILES, ...layer(folder)),
    restrict(
      BEFORE_THE_STORE.filter((file) => file.startsWith(`registry-core/src/${folder}/`)),
      ...layer(folder),
    ),
    restrict(
      SPEAKS_HTTP.filter((file) => file.startsWith(`registry-core/src/${folder}/`)),
      FILES,
      ...layer(folder).filter((restriction) => restriction !== HTTP),
    ),
  ]),
  restrict(['registry-core/src/oci/**'], TIMERS, CHANCE, HTTP, FILES, NOTHING_OF_OURS),
  restrict(['registry-core/src/system/**'], HTTP, NOTHING_OF_OURS),
  // Tests own real files, servers and bytes.
  restrict(['registry-core/test/**', 'registry-core/src/**/*.test.ts'], CORE_ALONE, TIMERS),
]

export default defineConfig({
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'node'],
  categories: { correctness: 'error' },
  ignorePatterns: ['**/dist/**'],
  rules: {
    'import/no-cycle': 'error',
    'oxc/no-barrel-file': ['error', { threshold: 0 }],
    'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
    'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
    eqeqeq: 'error',
    'no-throw-literal': 'off', // only-throw-error knows types
    'typescript/only-throw-error': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'unicorn/no-useless-spread': 'off', // a literal spread keeps what belongs together on one line
    // jest runs tests in contexts of their own, where an error of Node is no instance of their Error.
    'unicorn/no-instanceof-builtins': [
      'error',
      { strategy: 'loose', include: ['Error', 'TypeError', 'RangeError'], useErrorIsError: true },
    ],
    'no-restricted-globals': [
      'error',
      ...['setTimeout', 'setInterval'].map((name) => ({
        name,
        message: 'Timers belong to the clock (system/clock.ts).',
      })),
    ],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'Ask the Clock (system/clock.ts).' },
      { object: 'Math', property: 'random', message: 'Ask the Random (system/random.ts).' },
      { object: 'crypto', property: 'randomUUID', message: 'Ask the Random (system/random.ts).' },
    ],
    'no-restricted-imports': ['error', { patterns: [TIMERS] }],
  },
  overrides: [
    ...coreLayers,
    {
      files: ['registry-core/src/**', 'nginx/src/**', 'control-plane/src/**'],
      rules: { 'no-console': 'error' },
    },
    {
      files: ['registry-core/src/system/**'],
      rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' },
    },
    {
      files: ['control-plane/src/system/**'],
      rules: {
        'no-restricted-globals': 'off',
        'no-restricted-properties': 'off',
        'no-restricted-imports': 'off',
      },
    },
    // Whoever replaces time must still let the event loop turn.
    { files: ['registry-core/test/fake-clock.ts'], rules: { 'no-restricted-globals': 'off' } },
    {
      // Programs of their own, for which real time and real chance are the point.
      files: ['scripts/**', 'test/programs/**', 'test/bench/**', 'test/support/eventually.ts'],
      rules: {
        'no-restricted-globals': 'off',
        'no-restricted-properties': 'off',
        'no-restricted-imports': 'off',
      },
    },
    {
      files: ['**/*.test.ts', '**/test/**', 'test/**'],
      plugins: ['jest'],
      rules: {
        'max-lines-per-function': 'off',
        'jest/no-focused-tests': 'error',
        'jest/no-disabled-tests': 'error',
        // Contract suites take their titles as arguments and assert through functions of their own.
        'jest/expect-expect': 'off',
        'jest/valid-title': 'off',
        'typescript/unbound-method': 'off',
        'jest/valid-describe-callback': 'off',
        'jest/no-standalone-expect': ['error', { additionalTestBlockFunctions: ['check'] }], // test/api/suite
      },
    },
    // What leaves tests out: without CI, where a program or root is missing, and says so.
    {
      files: ['test/support/needs.ts', 'control-plane/test/support/needs-root.ts'],
      plugins: ['jest'],
      rules: { 'jest/no-disabled-tests': 'off' },
    },
    { files: ['**/*.cjs'], rules: { 'typescript/no-require-imports': 'off' } },
  ],
})
