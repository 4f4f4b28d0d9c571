import { createReadStream, createWriteStream, openSync, readFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import { type Command, Option } from 'commander'

import { BACKUP_ROUTES as ROUTES, PASSPHRASE_HEADER } from '../../backup/backup.schema.js'
import { errorCode } from '../../system/error-code.js'
import { readAnswer, stream } from '../call.js'
import { apiCommand, type Run } from '../command.js'
import { CommandFailed, usageError } from '../failures.js'
import { asYaml } from '../output.js'
import type { Terminal } from '../terminal.js'

const SHOWN_BYTES = 1024 * 1024
const PASSPHRASE = new Option('--passphrase-file <file>', 'holds the passphrase, without its last newline')

interface Options {
  readonly passphraseFile?: string
}

export function addBackup(program: Command, run: Run): void {
  apiCommand<Options>(program, run, {
    usage: 'backup <file>',
    description:
      'Writes all that the box must not lose, but for its images: settings, accounts, certificates, keys.\n' +
      'Without a passphrase the file holds every secret of the box in the clear: keep it as you keep keys.',
    examples: [
      'entrepot backup box.backup --passphrase-file ~/.entrepot-passphrase',
      'entrepot backup box.tar.gz',
    ],
    options: [PASSPHRASE],
    run: async ({ args: [file = ''], options, terminal, connection }) => {
      const passphrase = findPassphrase(options)
      const body = passphrase === undefined ? {} : { passphrase }
      const size = await stream(connection, ROUTES.backup, { body }, (bytes) => write(file, bytes, terminal))
      const warning = passphrase === undefined ? ' It holds every secret of the box in the clear.' : ''
      return { value: { file, size }, text: `${file}: ${size} bytes.${warning}` }
    },
  })
  apiCommand<Options>(program, run, {
    usage: 'restore <file>',
    description:
      'Puts a backup in the place of what is there, whole or not at all. The admin tokens are those of the\n' +
      'backup then; what the audit and the history hold stays.',
    examples: ['entrepot restore box.backup --passphrase-file ~/.entrepot-passphrase'],
    options: [PASSPHRASE],
    run: async ({ args: [file = ''], options, connection }) => {
      const passphrase = findPassphrase(options)
      const header = Buffer.from(passphrase ?? '').toString('base64')
      const sent = {
        stream: openFile(file),
        headers: passphrase === undefined ? {} : { [PASSPHRASE_HEADER]: header },
      }
      const text = await stream(connection, ROUTES.restore, sent, (bytes) => bytes.text())
      const value = readAnswer(ROUTES.restore, text)
      return { value, text: asYaml(value).trimEnd() }
    },
  })
}

function openFile(file: string): Readable {
  try {
    return createReadStream(file, { fd: openSync(file, 'r') })
  } catch (error) {
    throw usageError(Error.isError(error) ? error.message : String(error))
  }
}

/** Whole or not at all, and readable by its owner alone. Answers its size. */
async function write(file: string, bytes: AsyncIterable<Buffer>, terminal: Terminal): Promise<number> {
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.part`)
  let size = 0
  const counted = async function* () {
    for await (const chunk of bytes) {
      const before = Math.floor(size / SHOWN_BYTES)
      size += chunk.length
      if (terminal.isSeen && Math.floor(size / SHOWN_BYTES) > before)
        terminal.error(`\r${Math.floor(size / SHOWN_BYTES)} MiB`)
      yield chunk
    }
  }
  try {
    await pipeline(counted(), createWriteStream(draft, { mode: 0o600, flags: 'wx', flush: true }))
    await rename(draft, file)
    await syncFolder(path.dirname(file))
  } catch (error) {
    const isOfTheDisk = /^E(?:NOSPC|DQUOT|ACCES|PERM|NOENT|NOTDIR|ISDIR|EXIST|ROFS|IO)$/.test(
      errorCode(error) ?? '',
    )
    if (!isOfTheDisk || !Error.isError(error)) throw error
    throw new CommandFailed(1, `${file} cannot be written: ${error.message}`)
  } finally {
    await rm(draft, { force: true })
    if (terminal.isSeen && size > SHOWN_BYTES) terminal.error('\n')
  }
  return size
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function findPassphrase({ passphraseFile }: Options): string | undefined {
  if (passphraseFile === undefined) return undefined
  try {
    return readFileSync(passphraseFile, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw usageError(`--passphrase-file: ${Error.isError(error) ? error.message : String(error)}`)
  }
}
