import { Client, credentials } from '@grpc/grpc-js'
import { loadSync, type MethodDefinition } from '@grpc/proto-loader'

import type { Outcome } from './commands.js'
import { supportScript } from './scripts.js'

/** What a pull secret holds. */
export interface PullSecret {
  readonly username: string
  readonly password: string
}

const { 'runtime.v1.ImageService': SERVICE } = loadSync(supportScript('image-service.proto'))

/** Speaks to a container runtime as the kubelet does: CRI's image service, by gRPC on the runtime's socket. */
export class ImageService {
  readonly #client: Client

  constructor(socket: string) {
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure())
  }

  pull(image: string, auth?: PullSecret): Promise<Outcome> {
    return this.#call('PullImage', { image: { image }, ...(auth && { auth }) })
  }

  /** Removing what is not there succeeds. */
  remove(image: string): Promise<Outcome> {
    return this.#call('RemoveImage', { image: { image } })
  }

  close(): void {
    this.#client.close()
  }

  /** As a command line that ends with the status of the call and what it says. */
  #call(name: string, request: object): Promise<Outcome> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name)
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
      resolve(
        error ? { code: error.code, output: error.details } : { code: 0, output: JSON.stringify(answer) },
      )
    })
    return promise
  }
}

function methodOf(name: string): MethodDefinition<object, object> {
  const methods = Object.entries(SERVICE ?? {}) as [string, MethodDefinition<object, object>][]
  const method = methods.find(([each]) => each === name)?.[1]
  if (method === undefined) throw new Error(`image-service.proto has no ${name}`)
  return method
}
