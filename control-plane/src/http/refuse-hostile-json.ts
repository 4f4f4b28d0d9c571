import type { NextFunction, Request, Response } from 'express'

import { ProductError } from './product-error.js'

/** Far more than any body of ours; what goes through it by recursion stays far from the end of the stack. */
const DEEPEST = 100
/** Schemas take these for what every object has, and copies would make them its prototype. */
const NO_FIELDS = ['__proto__', 'constructor']

/** Behind the parser of bodies: what no schema could refuse. */
export function refuseHostileJson(request: Request, _response: Response, next: NextFunction): void {
  requireHarmless(request.body)
  next()
}

/** Level by level, since a recursion would end where it is to prevent that. @throws ProductError */
function requireHarmless(body: unknown): void {
  let level = objectsIn([body])
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > DEEPEST)
      throw new ProductError('not-readable', { cause: `it is nested more than ${DEEPEST} levels deep` })
    const fields = level
      .flatMap((each) => NO_FIELDS.filter((name) => Object.hasOwn(each, name)))
      .map((field) => ({ field, message: 'there is no such field' }))
    if (fields.length > 0) throw new ProductError('invalid', { fields: fields.slice(0, 1) })
    level = objectsIn(level.flatMap((each) => Object.values(each) as unknown[]))
  }
}

function objectsIn(values: readonly unknown[]): readonly object[] {
  return values.filter((value): value is object => typeof value === 'object' && value !== null)
}
