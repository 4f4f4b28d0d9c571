/** Where a TCP listener stands; without a host on every address of the machine. */
export interface TcpAddress {
  readonly host: string | undefined
  readonly port: number
}

/** What an address may look like, for a person who wrote another. */
export const ADDRESS_FORM = 'an address like 127.0.0.1:5000, [::1]:5000, registry.local:5000 or :5000'

const SHAPE = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):([0-9]{1,5})$/

/** The address that the text is; undefined when it is none. */
export function findTcpAddress(text: string): TcpAddress | undefined {
  const match = SHAPE.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) return undefined
  const host = match[1] ?? match[2]
  return { host: host === '' ? undefined : host, port }
}
