import { expect, test } from '@jest/globals'
import { findMisspelling } from './misspelt-hosts.js'

test.each([
  ['registry-1.docker.co', 'registry-1.docker.io'],
  ['quey.io', 'quay.io'],
  ['ghcr.oi', 'ghcr.io'],
  ['docker.oi', 'docker.io'],
  ['dockr.io', 'docker.io'],
  ['dockerr.io', 'docker.io'],
  ['regsitry.k8s.io', 'registry.k8s.io'],
  ['mcr.microsofft.com', 'mcr.microsoft.com'],
  ['mirror.docker.co', 'docker.io'],
  ['Quey.IO', 'quay.io'],
])('%s may have been meant as %s', (typed, meant) => {
  expect(findMisspelling({ host: typed.toLowerCase(), urls: [] })?.meant).toBe(meant)
  const found = findMisspelling({ host: 'fine.example', urls: [new URL(`https://${typed}:5000`)] })
  expect(found?.sentence).toContain(`${typed.toLowerCase()} is one letter off ${meant}`)
})

test.each([
  ...[
    'docker.io',
    'registry-1.docker.io',
    'quay.io',
    'ghcr.io',
    'gcr.io',
    'eu.gcr.io',
    'icr.io',
    'mcr.microsoft.com',
  ],
  ...[
    'registry.corp.example',
    '10.0.0.1',
    'localhost',
    'harbor.docker.io',
    'k3s.io',
    'docker.elastic.co',
    'reg_5000',
  ],
])('%s is as it should be', (typed) => {
  expect(findMisspelling({ host: typed, urls: [] })).toBeUndefined()
})
