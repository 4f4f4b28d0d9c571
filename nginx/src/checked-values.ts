import path from 'node:path'

import { type DirectiveValue, directiveValue, SettingRefused } from './directive-value.js'
import { SIZE } from './settings.js'

/** A folder, with or without a slash at its end. */
export function folder(setting: string, text: string): DirectiveValue {
  return file(setting, text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text)
}

/** An absolute path that means what it says. */
export function file(setting: string, text: string): DirectiveValue {
  const value = directiveValue(setting, text)
  if (!path.isAbsolute(text) || path.normalize(text) !== text || text.endsWith('/')) {
    throw new SettingRefused(setting, text, 'an absolute path without "." or ".." parts')
  }
  // Beyond it, no system call takes the paths that nginx makes from these.
  if (Buffer.byteLength(text) > 2048) throw new SettingRefused(setting, text, 'a path up to 2048 bytes')
  return value
}

/** A path that a unix socket can have. */
export function socketPath(setting: string, text: string): DirectiveValue {
  const value = file(setting, text)
  if (Buffer.byteLength(text) > 107)
    throw new SettingRefused(setting, text, 'a path up to 107 bytes: sockets hold no more')
  return value
}

/** A user or group of this machine. */
export function accountName(setting: string, text: string): DirectiveValue {
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(text))
    throw new SettingRefused(setting, text, 'a name as in /etc/passwd')
  return directiveValue(setting, text)
}

/** A whole number from 1 on, as nginx reads it. */
export function count(setting: string, value: number, most: number): string {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new SettingRefused(setting, String(value), `a whole number from 1 to ${most}`)
  }
  return String(value)
}

/** A size in nginx's notation. */
export function size(setting: string, text: string): DirectiveValue {
  if (!SIZE.test(text)) {
    throw new SettingRefused(setting, text, 'a size as in 512k, 16384m or 20g; 0 is no limit')
  }
  return directiveValue(setting, text)
}
