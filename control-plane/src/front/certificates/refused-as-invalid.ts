import { ProductError } from '../../http/product-error.js'
import { CertificateRefused } from './certificate-refused.js'

/** What is refused about a certificate is a wrong request: the problem names the field. */
export async function refusedAsInvalid<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof CertificateRefused)) throw error
    const fields = [{ field: error.field, message: error.message }]
    throw new ProductError('invalid', { fields }, { cause: error })
  }
}
