import { hash as bcrypt } from '@node-rs/bcrypt'
import type { ExitCode, Terminal } from './terminal.js'

/** What checking it costs: a tenth of a second or so. */
const COST = 11
/** bcrypt reads no more. */
const LIMIT_BYTES = 72

/** Writes the hash of a password: 0, or 2 when there is none, or one that bcrypt would cut. */
export async function hash(isJson: boolean, terminal: Terminal): Promise<ExitCode> {
  const password = process.stdin.isTTY ? await ask(terminal) : await readLine()
  const refusal = refusalOf(password)
  if (refusal !== undefined) {
    terminal.error(isJson ? `${JSON.stringify({ error: refusal })}\n` : `registry-core: ${refusal}\n`)
    return 2
  }
  const made = await bcrypt(password, COST)
  terminal.out(isJson ? `${JSON.stringify({ hash: made })}\n` : `${made}\n`)
  return 0
}

function refusalOf(password: string): string | undefined {
  if (password === '') return 'no password came: type it, or pass it on stdin'
  if (password.includes('\0')) return 'the password has a NUL in it, where bcrypt ends'
  if (Buffer.byteLength(password) > LIMIT_BYTES)
    return `the password has more than the ${LIMIT_BYTES} bytes that bcrypt reads`
  return undefined
}

/** The first line of stdin, without its end. */
async function readLine(): Promise<string> {
  let text = ''
  for await (const piece of process.stdin.setEncoding('utf8')) {
    text += piece
    if (text.includes('\n') || text.length > 10_000) break
  }
  return text.split(/\r?\n/, 1).join('')
}

const ENTER = ['\r', '\n', '\u0004']
const INTERRUPT = '\u0003'
const RUBOUT = ['\b', '\u007f']

/** Shows nothing of what is typed. @throws when it is interrupted */
async function ask(terminal: Terminal): Promise<string> {
  terminal.error('Password: ')
  const { stdin } = process
  stdin.setRawMode(true)
  try {
    const typed: string[] = []
    for await (const piece of stdin.setEncoding('utf8'))
      for (const letter of String(piece)) {
        if (letter === INTERRUPT) throw new Error('interrupted')
        if (ENTER.includes(letter)) return typed.join('')
        if (RUBOUT.includes(letter)) typed.pop()
        else typed.push(letter)
      }
    return typed.join('')
  } finally {
    stdin.setRawMode(false)
    terminal.error('\n')
  }
}
