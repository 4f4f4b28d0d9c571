import { isIP } from 'node:net'

import { SettingRefused } from '@entrepot/front'

/**
 * A text that may stand where a template of a client's file or script puts it, a line of words unquoted too: only the
 * functions of this file make one.
 */
export type Word = string & { readonly __type: 'Word' }

/** A host name or an address, as clients reach it. */
export function hostWord(setting: string, text: string): Word {
  const name = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i
  if (isIP(text) === 6 && !text.includes('%')) return `[${text}]` as Word
  if (isIP(text) === 4 || name.test(text)) return text as Word
  throw new SettingRefused(setting, text, 'a host name or an IP address, without port or scheme')
}

/** An upstream's name as images have it: a host, perhaps with a port. */
export function upstreamWord(setting: string, text: string): Word {
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? []
  const name = hostWord(setting, host)
  return port === undefined ? name : (`${name}:${portNumber(setting, Number(port))}` as Word)
}

/** An image's name, with a tag or without, as it may be typed. */
export function imageWord(setting: string, text: string): Word {
  if (/^[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*$/i.test(text) && text.length <= 255) return text as Word
  throw new SettingRefused(setting, text, 'the name of an image, as in library/busybox:latest')
}

/** A port that somebody can listen on. */
export function portNumber(setting: string, port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new SettingRefused(setting, String(port), 'a number from 1 to 65535')
}

/** Host and port as they stand in a URL and before the slash of an image's name; the port of https is left out. */
export function authorityWord(host: Word, port: number): Word {
  // A name without a dot would be taken for a part of an image's name on Docker Hub.
  return port === 443 && host.includes('.') ? host : (`${host}:${port}` as Word)
}

/** One line that stands in a comment or between quotes: a path, a title. @throws SettingRefused for what ends them */
export function lineText(setting: string, text: string): Word {
  if (/^[\w .,:@/+=()[\]-]*$/.test(text)) return text as Word
  throw new SettingRefused(setting, text, 'letters, digits, spaces and . , : @ / + = ( ) [ ] - _')
}

/** A host as a part of a file's name. */
export function slugWord(host: Word): Word {
  return host.replaceAll(/[^a-z0-9.-]+/gi, '-').replaceAll(/^-|-$/g, '') as Word
}

/** An upstream's name as a folder of the store has it: a port with an underscore. */
export function storeWord(upstream: Word): Word {
  return upstream.replace(/:(?=\d+$)/, '_') as Word
}

/** Certificates in PEM and nothing else, with a newline at the end. */
export function pemText(setting: string, pem: string): Word {
  const text = `${pem.trim().replaceAll('\r\n', '\n')}\n`
  if (/^(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n)+$/.test(text))
    return text as Word
  throw new SettingRefused(setting, text.slice(0, 40), 'one certificate or more, in PEM, and nothing else')
}

/** A whole file as a script holds it in a here-document: it ends with its line, and none of its lines ends that. */
export function documentText(setting: string, text: string): Word {
  if (/^(?:.*\n)*$/.test(text) && !/^(?:ENTREPOT_\w+|PEM|TOML)$/m.test(text)) return text as Word
  throw new SettingRefused(setting, text.slice(0, 40), 'whole lines, none of which ends a here-document')
}

/** Words put together with text of our own, which the caller wrote out in the code. */
export function joined(parts: TemplateStringsArray, ...words: readonly Word[]): Word {
  return String.raw(parts, ...words) as Word
}
