import net from 'node:net'

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/

/** A name of a host in lower case, or an address. */
export function isHost(text: string): boolean {
  return net.isIP(text) !== 0 || (text.length <= 253 && text.split('.').every((part) => LABEL.test(part)))
}
