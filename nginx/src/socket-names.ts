import { socketPath } from './checked-values.js'
import { type DirectiveValue, directiveValue } from './directive-value.js'

/** An upstream block: what a socket is called in the configuration. */
export type SocketView = { readonly name: DirectiveValue; readonly socket: DirectiveValue }

/** Names for sockets, one each: `core`, `core_2`, `core_3`. */
export class SocketNames {
  readonly #word: string
  readonly #named = new Map<string, SocketView>()

  constructor(word: string) {
    this.#word = word
  }

  /** The name of a socket, whatever asked for it first. Throws SettingRefused for a path that no socket has. */
  nameOf(setting: string, text: string): DirectiveValue {
    const known = this.#named.get(text)
    if (known) return known.name
    const number = this.#named.size + 1
    const name = directiveValue(setting, number === 1 ? this.#word : `${this.#word}_${number}`)
    this.#named.set(text, { name, socket: socketPath(setting, text) })
    return name
  }

  views(): readonly SocketView[] {
    return [...this.#named.values()]
  }
}
