// Listing: peer and ours over equal stores of 10,000 repositories and one of 10,000 tags, and the names in a Node program's memory.
import fs from 'node:fs'
import path from 'node:path'
import { makeCatalog, makeTags } from '../make-store.mjs'
import { startRegistry, tunedProxy } from './peers.mjs'

const REPOSITORIES = 10000
const TAGS = 10000

/** Lays the store out once; every target gets its own, since each registry adds files of its own. */
export function catalogStore(stack, name) {
  const root = path.join(stack.work, name)
  if (fs.existsSync(path.join(root, 'complete'))) return root
  console.log(`laying out ${name}: ${REPOSITORIES} repositories, ${TAGS} tags (about 20 s)`)
  makeCatalog(root, REPOSITORIES, 3)
  makeTags(root, 'big/tags', TAGS)
  fs.writeFileSync(path.join(root, 'complete'), '')
  return root
}

export function addCatalogPeer(stack) {
  const port = startRegistry(stack, 'peer-catalog', { root: catalogStore(stack, 'catalog-peer') })
  stack.plain('peer-catalog-http', `http://127.0.0.1:${port}`, 'peer', ['peer-catalog'])
  stack.upstream('registry_catalog', [`127.0.0.1:${port}`])
  const body = tunedProxy('registry_catalog')
  stack.server('peer-catalog-nginx-tls', { tls: true, kind: 'peer', body, pids: ['peer-catalog'] })
}

export function addCatalogLimit(stack) {
  const port = stack.takePort()
  stack.startLimit('catalog-limit', 'catalog-limit.mjs', ['--listen', String(port)])
  stack.plain('limit-catalog-http', `http://127.0.0.1:${port}`, 'limit', ['catalog-limit'])
}
