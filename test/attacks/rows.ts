/** A test, by the file that has it and a part of its title. */
interface Shown {
  readonly file: string
  readonly title: string
}

/** The rows of the page of attacks that are shown through the front of a box: those of requests, and of the admin API. */
export const ROWS: readonly number[] = [...numbers(1, 25), ...numbers(62, 76)]

const BOX = 'test/attacks/box'

/**
 * By row, what shows it through the rendered nginx of a box, in addition to the checks of `test/api/suite` that cover it
 * and run there too (`through-tls.test.ts`). Where a row is of the build, the test of the build stands beside it.
 */
export const SHOWN: Readonly<Record<number, readonly Shown[]>> = {
  1: [{ file: 'test/attacks/fuzz/targets.test.ts', title: 'means the same to nginx %s and to the core' }],
  2: [{ file: 'test/attacks/streams.ts', title: 'a target that HTTP/1.1 refuses is refused over HTTP/2' }],
  14: [{ file: 'test/attacks/private-catalog.ts', title: 'the catalog holds what its reader may pull' }],
  15: [{ file: 'test/attacks/streams.ts', title: 'a request over HTTP/2 that would be two over HTTP/1.1' }],
  20: [
    { file: 'test/attacks/streams.ts', title: 'hundreds of connections that say nothing' },
    { file: 'test/attacks/streams.ts', title: 'ten thousand streams that are reset at once' },
    { file: 'test/attacks/streams.ts', title: 'a flood of frames' },
    { file: 'test/attacks/streams.ts', title: 'a body that stops coming' },
    { file: 'test/attacks/slow-heads.deep.test.ts', title: 'a head that comes byte by byte' },
  ],
  22: [{ file: `${BOX}/data-path.ts`, title: 'no header of an upstream reaches a client' }],
  62: [{ file: `${BOX}/bodies.ts`, title: 'a field that nobody has asked for' }],
  63: [{ file: `${BOX}/guards.ts`, title: 'what no list can be asked' }],
  64: [{ file: `${BOX}/guards.ts`, title: 'an id of something else' }],
  65: [{ file: `${BOX}/guards.ts`, title: 'however it is written' }],
  66: [{ file: `${BOX}/guards.ts`, title: 'a page of another site' }],
  67: [
    { file: `${BOX}/guesses.ts`, title: 'tokens are guessed ten times' },
    { file: `${BOX}/guesses.ts`, title: 'passwords are guessed ten times' },
    { file: `${BOX}/guesses.ts`, title: 'nothing is open by a password that everybody knows' },
  ],
  68: [
    { file: `${BOX}/bodies.ts`, title: 'what would bend a file of nginx' },
    { file: 'nginx/src/directive-value.test.ts', title: 'refuse' },
  ],
  69: [{ file: `${BOX}/bodies.ts`, title: 'a template that is sent as a value' }],
  70: [{ file: `${BOX}/bodies.ts`, title: 'what YAML takes for something else' }],
  71: [
    { file: `${BOX}/bodies.ts`, title: 'the rendered nginx of the box has none of the known traps' },
    { file: 'nginx/src/traps.test.ts', title: 'a captured group in a map' },
  ],
  72: [{ file: `${BOX}/bodies.ts`, title: 'an address that is no registry' }],
  73: [
    { file: `${BOX}/canary.ts`, title: 'no secret stands in the arguments' },
    { file: `${BOX}/canary.ts`, title: 'no secret stands in an answer' },
    { file: `${BOX}/canary.ts`, title: 'no secret stands in a file' },
    { file: `${BOX}/canary.ts`, title: 'has printed its token and its password once' },
    { file: `${BOX}/canary.ts`, title: 'a backup with a passphrase' },
  ],
  74: [{ file: `${BOX}/canary.ts`, title: 'a stolen dump of the database' }],
  75: [
    { file: `${BOX}/bodies.ts`, title: 'a hundred megabytes' },
    { file: `${BOX}/bodies.ts`, title: 'what would write a line of a log' },
  ],
  76: [
    { file: `${BOX}/tls.ts`, title: 'TLS before 1.2' },
    { file: `${BOX}/tls.ts`, title: 'a session of one port' },
  ],
}

/** The rows up to 25 that a check of the suite answers for. */
export function rowsOfChecks(covers: readonly string[]): readonly number[] {
  return covers.flatMap((point) => {
    const row = Number(/^attack (\d+)$/.exec(point)?.[1])
    return row <= 25 ? [row] : []
  })
}

function numbers(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}
