import { Body, Controller, Header, Param } from '@nestjs/common'

import { Route } from '../http/bind-route.js'
import { type Caller, Who } from '../http/caller.js'
import type { AcmeWish } from './acme.schema.js'
import {
  CERTIFICATE_ROUTES,
  type CertificateUpload,
  type RequestAnswer,
  type RequestWish,
} from './certificates.schema.js'
import { Certificates } from './certificates.service.js'

@Controller()
export class CertificatesController {
  constructor(private readonly certificates: Certificates) {}

  @Route(CERTIFICATE_ROUTES.show)
  show() {
    return this.certificates.show()
  }

  @Route(CERTIFICATE_ROUTES.authority)
  @Header('Content-Type', CERTIFICATE_ROUTES.authority.type)
  authority() {
    return this.certificates.authority()
  }

  @Route(CERTIFICATE_ROUTES.upload)
  upload(@Body({ schema: CERTIFICATE_ROUTES.upload.body }) body: CertificateUpload, @Who() caller: Caller) {
    return this.certificates.upload(body, caller)
  }

  @Route(CERTIFICATE_ROUTES.reset)
  reset(@Who() caller: Caller) {
    return this.certificates.reset(caller)
  }

  @Route(CERTIFICATE_ROUTES.acme)
  acme(@Body({ schema: CERTIFICATE_ROUTES.acme.body }) body: AcmeWish, @Who() caller: Caller) {
    return this.certificates.useAcme(body, caller)
  }

  @Route(CERTIFICATE_ROUTES.renewAcme)
  renewAcme(@Who() caller: Caller) {
    return this.certificates.renewAcme(caller)
  }

  @Route(CERTIFICATE_ROUTES.dropAcme)
  dropAcme(@Who() caller: Caller) {
    return this.certificates.dropAcme(caller)
  }

  @Route(CERTIFICATE_ROUTES.requests)
  requests() {
    return this.certificates.requests()
  }

  @Route(CERTIFICATE_ROUTES.request)
  request(@Body({ schema: CERTIFICATE_ROUTES.request.body }) wish: RequestWish, @Who() caller: Caller) {
    return this.certificates.request(wish, caller)
  }

  @Route(CERTIFICATE_ROUTES.answer)
  answer(
    @Param('id') id: string,
    @Body({ schema: CERTIFICATE_ROUTES.answer.body }) body: RequestAnswer,
    @Who() caller: Caller,
  ) {
    return this.certificates.answer(id, body, caller)
  }

  @Route(CERTIFICATE_ROUTES.dropRequest)
  dropRequest(@Param('id') id: string, @Who() caller: Caller) {
    return this.certificates.dropRequest(id, caller)
  }
}
