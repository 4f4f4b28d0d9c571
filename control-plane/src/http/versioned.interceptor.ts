import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common'
import { Injectable } from '@nestjs/common'
import type { Response } from 'express'
import { map, type Observable } from 'rxjs'

import { entityTag } from './entity-tag.js'

/** What a service answers with a version is the value, with an ETag. */
export class Versioned<T> {
  readonly value: T
  readonly version: number

  constructor(value: T, version: number) {
    this.value = value
    this.version = version
  }
}

/** Takes a `Versioned` answer apart: the value is the body, the version its `ETag` (RFC 9110, 8.8.3). */
@Injectable()
export class VersionedInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    return next.handle().pipe(
      map((answer) => {
        if (!(answer instanceof Versioned)) return answer
        context.switchToHttp().getResponse<Response>().setHeader('ETag', entityTag(answer.version))
        return answer.value
      }),
    )
  }
}
