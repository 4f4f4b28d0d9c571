/** A sentence for the person who typed `npm start`: nothing else is printed, and nothing was started. */
export class StartRefused extends Error {
  override name = 'StartRefused'
}
