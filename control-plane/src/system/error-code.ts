/** The system's name of an error, as in ENOENT; undefined for one that the system did not make. */
export function errorCode(error: unknown): string | undefined {
  return Error.isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
