import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { RegistryClient } from '../support/registry-client.js'
import { startCore, type Target, type TargetOptions } from '../support/targets.js'

/** A registry process with a client of its own; both end when it is disposed of. */
export interface Served extends AsyncDisposable {
  readonly core: Target
  readonly client: RegistryClient
}

/** Starts registry-core over a store. */
export async function serve(root: string, options: Omit<TargetOptions, 'root'> = {}): Promise<Served> {
  const core = await startCore({ ...options, root })
  const client = new RegistryClient(core.baseUrl)
  return {
    core,
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      await core.remove()
    },
  }
}

/** A folder for a store; removed with all that is in it. */
export function storeFolder(): Disposable & { readonly root: string } {
  const root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  return {
    root,
    [Symbol.dispose]() {
      rmSync(root, { recursive: true })
    },
  }
}

/** Where the bytes of a digest lie in a store. */
export function blobFolder(root: string, digest: string): string {
  const hex = digest.slice(digest.indexOf(':') + 1)
  return path.join(root, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex)
}

/** The OCI error code and the sentence of an answer that is an error. */
export function errorOf(body: Buffer): { readonly code: string; readonly message: string } {
  const { errors } = JSON.parse(body.toString()) as {
    readonly errors: readonly { readonly code: string; readonly message: string }[]
  }
  const [first] = errors
  if (first === undefined) throw new Error(`no error in ${body.toString()}`)
  return first
}
