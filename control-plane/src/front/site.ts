/** What the environment says of the box, and no request changes. */
export abstract class Site {
  /** The name or address that clients are told. */
  abstract readonly host: string
  /** All names and addresses that its own certificate must have, but for those of the settings. */
  abstract readonly names: readonly string[]
  abstract readonly ports: {
    readonly registry: number
    readonly mirror: number
    readonly tls: number
    readonly mirrorTls: number
    readonly admin: number
  }
  /** The folder of the authority and of the server's certificates. */
  abstract readonly certificates: string
}
