import { expect, test } from '@jest/globals'

import { ROUTES } from '#control/routes.js'
import { Api, operationOf, readDocument } from '../support/api.js'
import { describeOn, type OpenStage } from './suite.js'

/** Last of all: it looks at what the tests before it have called. */
export function testContract(open: OpenStage): void {
  describeOn('the served document', open, (stage) => {
    test('knows every route of the tables, and no other', async () => {
      const document = await readDocument(stage().base)
      const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, unknown>>>>
      const served = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      )
      const known = [...ROUTES.values()].map(
        ({ method, path }) => `${method} /api/v1/${path.replaceAll(/:(\w+)/g, '{$1}')}`,
      )
      expect(served.toSorted()).toEqual(known.toSorted())
    })

    test('tells of each route its body, its If-Match and its right', async () => {
      const document = await readDocument(stage().base)
      for (const route of ROUTES.values()) {
        const operation = operationOf(document, route)
        expect({ ...route, has: operation?.['requestBody'] !== undefined }).toMatchObject({
          has: route.body !== undefined || route.takes !== undefined,
        })
        const parameters = (operation?.['parameters'] ?? []) as readonly { readonly name: string }[]
        expect(parameters.some(({ name }) => name === 'If-Match')).toBe(
          route.versioned === true && route.method !== 'GET',
        )
        expect(String(operation?.['description'])).toContain(
          route.needs === 'nobody' ? 'Needs no token' : `"${route.needs}"`,
        )
      }
    })

    test('was held against an answer of each route', () => {
      const known = [...ROUTES.values()].map(({ method, path }) => `${method} ${path}`)
      expect(known.filter((route) => !Api.called.has(route))).toEqual([])
    })
  })
}
