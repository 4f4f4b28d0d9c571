import { z } from 'zod'
import { address, boolean, duration, integer, MAP, text, texts } from './values.js'

const STATUS = 'a status from 100 to 599'
const LIST = 'a list of checks'

const repeated = {
  interval: duration('How often it is looked.').prefault('10s'),
  threshold: integer('So many failures in a row count as one; 0 is 1.', 'a number of failures').prefault(0),
}
const timeout = duration('How long an answer may take.').prefault('10s')

const file = z.strictObject(
  { file: text('A file that must not exist.', 'the path of a file'), ...repeated },
  MAP,
)
const http = z.strictObject(
  {
    uri: z
      .url({ protocol: /^https?$/, error: 'an http or https URL' })
      .meta({ description: 'What is asked, with HEAD.' }),
    headers: z.record(z.string(), texts(''), MAP).meta({ description: 'Sent with it.' }).prefault({}),
    statuscode: integer('What must be answered.', STATUS).prefault(200),
    ...{ timeout, ...repeated },
  },
  MAP,
)
const tcp = z.strictObject(
  { addr: address('Where a connection must be taken: host:port.'), timeout, ...repeated },
  MAP,
)

/** `health`: while a check fails, every request is answered 503. */
export const health = z.strictObject(
  {
    storagedriver: z
      .strictObject(
        { enabled: boolean('Whether the folder of the store can be read.').prefault(false), ...repeated },
        MAP,
      )
      .prefault({}),
    file: z.array(file, LIST).prefault([]),
    http: z.array(http, LIST).prefault([]),
    tcp: z.array(tcp, LIST).prefault([]),
  },
  MAP,
)
