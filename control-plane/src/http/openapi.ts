import type { INestApplication } from '@nestjs/common'
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger'

/** The document at /api/openapi.json, made from the tables of routes. */
export function openApi(app: INestApplication): OpenAPIObject {
  const info = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0') // its schemas are JSON Schema 2020-12, as zod writes them
    .setTitle('Entrepot admin API')
    .setDescription('What the box does: upstreams, accounts, nginx, certificates, and their history.')
    .setVersion('1')
    .addBearerAuth()
    .addSecurityRequirements('bearer')
    .build()
  const document = SwaggerModule.createDocument(app, info)
  for (const methods of Object.values(document.paths))
    for (const operation of [methods.get, methods.put, methods.post, methods.delete, methods.patch])
      if (operation !== undefined) nameProblems(operation.responses['default'])
  return document
}

/** A standard schema is documented as application/json, and problems have a type of their own (RFC 9457 §6.1). */
function nameProblems(response: unknown): void {
  const { content } = response as { content?: Record<string, unknown> }
  const schema = content?.['application/json']
  if (content === undefined || schema === undefined) return
  delete content['application/json']
  content['application/problem+json'] = schema
}
