import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common'
import type { Request, Response } from 'express'
import type { Logger } from 'pino'

import { errorCode } from '../system/error-code.js'
import type { Problem } from './problem.schema.js'
import { ProductError } from './product-error.js'
import { requestIdOf } from './request-id.js'

/** The one place that turns what was thrown into an answer; whatever is no ProductError is a bug, and logged with its stack. */
@Catch()
export class ProblemsFilter implements ExceptionFilter {
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    this.answer(
      thrown,
      host.switchToHttp().getRequest<Request>(),
      host.switchToHttp().getResponse<Response>(),
    )
  }

  answer(thrown: unknown, request: Request, response: Response): void {
    const requestId = requestIdOf(request)
    const error = productErrorOf(thrown, request)
    if (error.status >= 500) this.#log.error({ err: withoutValues(thrown), requestId }, error.title)
    if (response.headersSent) return void response.destroy()
    if (error.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="entrepot"')
    if (isFailure(error, 'too-many-guesses') || isFailure(error, 'too-soon'))
      response.setHeader('Retry-After', error.detail.seconds)
    response
      .status(error.status)
      .type('application/problem+json')
      .send(JSON.stringify(problemOf(error, requestId)))
  }
}

function problemOf(error: ProductError, requestId: string): Problem {
  return {
    type: `urn:entrepot:problem:${error.failure}`,
    title: error.title,
    status: error.status,
    detail: error.message,
    instance: `urn:entrepot:request:${requestId}`,
    ...(isFailure(error, 'invalid') && { errors: [...error.detail.fields] }),
  }
}

function isFailure<F extends ProductError['failure']>(
  error: ProductError,
  failure: F,
): error is ProductError<F> {
  return error.failure === failure
}

function productErrorOf(thrown: unknown, { method, path }: Request): ProductError {
  if (thrown instanceof ProductError) return thrown
  const full = findFullDisk(thrown)
  if (full !== undefined) return full
  const status = thrown instanceof HttpException ? thrown.getStatus() : statusOf(thrown)
  if (status === 404) return new ProductError('no-such-route', { method, path })
  if (status === 413) return new ProductError('body-too-large', {})
  const cause = Error.isError(thrown) ? thrown.message : 'it cannot be read'
  if (status === 415) return new ProductError('other-form', { cause })
  if (status === 400) return new ProductError('not-readable', { cause })
  return new ProductError('broken', {}, { cause: thrown })
}

function findFullDisk(thrown: unknown): ProductError | undefined {
  const { message = '' } = Error.isError(thrown) ? thrown : {}
  const isFull = /^(?:ENOSPC|EDQUOT)$/.test(errorCode(thrown) ?? '')
  return isFull ? new ProductError('disk-full', { cause: message }, { cause: thrown }) : undefined
}

/** What is logged of an error: drivers hang the values of a statement on it, and those may be hashes and names. */
function withoutValues(thrown: unknown): unknown {
  if (!Error.isError(thrown)) return String(thrown)
  const { name, message, stack, cause } = thrown
  const code = 'code' in thrown ? String(thrown.code) : undefined
  return { name, message, stack, code, ...(cause !== undefined && { cause: withoutValues(cause) }) }
}

/** What express' own parsers throw says its status. */
function statusOf(thrown: unknown): number | undefined {
  return Error.isError(thrown) && 'status' in thrown && typeof thrown.status === 'number'
    ? thrown.status
    : undefined
}
