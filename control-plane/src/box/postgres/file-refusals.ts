import { PostgresRefused } from './postgres-refused.js'

/** Runs what touches files below a folder; a full disk and missing rights come out as sentences. */
export async function refusingIn<T>(folder: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new PostgresRefused('disk-full', { folder }, { cause: error })
    const reason = REASONS[code ?? '']
    if (reason !== undefined)
      throw new PostgresRefused('folder-not-writable', { folder, reason }, { cause: error })
    throw error
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'part of the path is a file',
  EEXIST: 'part of the path is a file',
}
