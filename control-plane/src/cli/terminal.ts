import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { Writable } from 'node:stream'

/** Where a command writes, and whom it may ask. */
export interface Terminal {
  /** A person looks at what is written: colours help. */
  readonly isSeen: boolean
  /** A person sits there who can answer. */
  readonly canAsk: boolean
  out(text: string): void
  error(text: string): void
  /** A line that the person types; what is secret is not echoed. */
  ask(question: string, options?: { readonly isSecret: boolean }): Promise<string>
  /** All of stdin, without the newline at its end. */
  readonly read: () => Promise<string>
}

/** The one of this process. */
export const processTerminal: Terminal = {
  isSeen: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
  canAsk: process.stdin.isTTY === true,
  out: (said) => void process.stdout.write(said),
  error: (said) => void process.stderr.write(said),
  async ask(question, { isSecret } = { isSecret: false }) {
    process.stderr.write(question)
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
    const output = isSecret ? silent : process.stderr
    const lines = createInterface({ input: process.stdin, output, terminal: true })
    try {
      return (await lines.question('')).trim()
    } finally {
      lines.close()
      if (isSecret) process.stderr.write('\n')
    }
  },
  read: async () => (await text(process.stdin)).replace(/\r?\n$/, ''),
}
