import { Controller, Header } from '@nestjs/common'

import { Route } from '../http/route.js'
import { CERTIFICATE_ROUTES } from './certificates.schema.js'
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
}
