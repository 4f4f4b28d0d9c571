/** What was wrong with one field of a request: where it stands, and what is allowed there. */
export interface FieldProblem {
  /** As people write it: `rights[0].actions`; empty for the whole body. */
  readonly field: string
  readonly message: string
}

interface Details {
  invalid: { readonly fields: readonly FieldProblem[] }
  'not-found': { readonly what: string; readonly name: string }
  exists: { readonly what: string; readonly name: string }
  'last-admin': { readonly name: string }
  'changed-meanwhile': { readonly what: string; readonly current: string }
  'no-token': Record<never, never>
  'wrong-token': Record<never, never>
  'too-many-guesses': { readonly seconds: number }
  'too-soon': { readonly what: string; readonly seconds: number }
  'not-allowed': { readonly needed: string; readonly has: string }
  refused: { readonly stage: string; readonly reason: string }
  'other-key': { readonly host: string }
  'change-under-way': { readonly seconds: number }
  'database-unavailable': { readonly cause: string }
  'core-unavailable': { readonly cause: string }
  'disk-full': { readonly cause: string }
  'no-such-route': { readonly method: string; readonly path: string }
  'body-too-large': Record<never, never>
  'not-restorable': { readonly why: string }
  'not-readable': { readonly cause: string }
  'other-form': { readonly cause: string }
  broken: Record<never, never>
}

/** The word of a failure: `urn:entrepot:problem:<word>` in the `type` of a problem. */
export type ProductFailure = keyof Details

/** One row for each thing that goes wrong on purpose: status of HTTP, title (RFC 9457), and the sentence for a person. */
const FAILURES: {
  readonly [F in ProductFailure]: {
    readonly status: number
    readonly title: string
    readonly sentence: (detail: Details[F]) => string
  }
} = {
  invalid: {
    status: 400,
    title: 'A value is not allowed',
    sentence: ({ fields }) =>
      fields.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; '),
  },
  'not-readable': {
    status: 400,
    title: 'The request cannot be read',
    sentence: ({ cause }) => `${cause}: /api/docs shows what each request looks like`,
  },
  'not-restorable': {
    status: 400,
    title: 'The backup cannot be restored',
    sentence: ({ why }) => `${why}; nothing has changed`,
  },
  'no-token': {
    status: 401,
    title: 'An admin token is needed',
    sentence: () => 'send Authorization: Bearer TOKEN, with the token that the first start has printed',
  },
  'wrong-token': {
    status: 401,
    title: 'This token is not known here',
    sentence: () =>
      'the token is unknown, has ended, or was taken back: send another, or start the box with ENTREPOT_ADMIN_TOKEN',
  },
  'not-allowed': {
    status: 403,
    title: 'This token may not do that',
    sentence: ({ needed, has }) => `it needs a token with the right "${needed}", this one has "${has}"`,
  },
  'not-found': {
    status: 404,
    title: 'There is none',
    sentence: ({ what, name }) => `no ${what} is called ${name}: a list shows how each is called`,
  },
  'no-such-route': {
    status: 404,
    title: 'There is nothing here',
    sentence: ({ method, path }) => `${method} ${path} means nothing: /api/docs lists what there is`,
  },
  exists: {
    status: 409,
    title: 'There is one already',
    sentence: ({ what, name }) =>
      `the ${what} ${name} is there already: change that one, or choose another name`,
  },
  'last-admin': {
    status: 409,
    title: 'Nobody could come in any more',
    sentence: ({ name }) => `${name} is the last token with the right "admin": make another one first`,
  },
  'changed-meanwhile': {
    status: 412,
    title: 'Somebody else has changed it',
    sentence: ({ what, current }) =>
      `the ${what} is ${current} by now: read it again, and send If-Match with that`,
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    sentence: () => 'a body has 1 MiB at most',
  },
  'other-form': {
    status: 415,
    title: 'The body comes in a form that is not read here',
    sentence: ({ cause }) => `${cause}: send JSON in UTF-8`,
  },
  refused: {
    status: 422,
    title: 'The change was tried, and undone',
    sentence: ({ stage, reason }) => `${stage} does not take it: ${reason}`,
  },
  'other-key': {
    status: 422,
    title: 'A password was sealed by another key',
    sentence: ({ host }) =>
      `the password of the upstream ${host} cannot be opened with the secret key of this box: start it with the key of then (ENTREPOT_SECRET_KEY_FILE), or make the change by hand, and the upstream anew with its password`,
  },
  'too-many-guesses': {
    status: 429,
    title: 'Too many wrong tokens',
    sentence: ({ seconds }) => `from this address no token is looked at for ${seconds} seconds`,
  },
  'too-soon': {
    status: 429,
    title: 'Too soon after the last time',
    sentence: ({ what, seconds }) => `${what} a moment ago: try again in ${seconds} seconds`,
  },
  broken: {
    status: 500,
    title: 'Something is broken here',
    sentence: () => 'the log tells more, by the request id',
  },
  'change-under-way': {
    status: 503,
    title: 'Another change has not ended',
    sentence: ({ seconds }) =>
      `another change has not ended within ${seconds} seconds; nothing of this one is done: try again`,
  },
  'database-unavailable': {
    status: 503,
    title: 'Postgres cannot be asked',
    sentence: ({ cause }) =>
      `${cause}; pulls and pushes go on, settings can be changed when it answers again`,
  },
  'core-unavailable': {
    status: 503,
    title: 'The registry core cannot be asked',
    sentence: ({ cause }) =>
      `${cause}; the box starts it again by itself: try again in a minute, the lines of npm start say what is wrong`,
  },
  'disk-full': {
    status: 507,
    title: 'The disk of the box is full',
    sentence: ({ cause }) => `${cause}; nothing has changed, make room and try again`,
  },
}

/** Everything that goes wrong on purpose in the control plane. */
export class ProductError<F extends ProductFailure = ProductFailure> extends Error {
  readonly failure: F
  readonly detail: Details[F]

  constructor(failure: F, detail: Details[F], options?: ErrorOptions) {
    super(FAILURES[failure].sentence(detail), options)
    this.name = 'ProductError'
    this.failure = failure
    this.detail = detail
  }

  get status(): number {
    return FAILURES[this.failure].status
  }

  get title(): string {
    return FAILURES[this.failure].title
  }
}

/** Every failure with its status and title, for the documentation. */
export function listFailures(): readonly { failure: ProductFailure; status: number; title: string }[] {
  return (Object.keys(FAILURES) as ProductFailure[]).map((failure) => ({
    failure,
    status: FAILURES[failure].status,
    title: FAILURES[failure].title,
  }))
}
