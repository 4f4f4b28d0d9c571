// What we aim for, a line each: row, case (a part of its name), metric, and a bound for our ratio to the base, to a
// target beside it, or for our own figure.
// `npm run bench` prints each with "met" or "missed"; the figures behind them are explained in docs/benchmarks.md.

const aims = [
  { row: 'pull-large', case: '1 clients', metric: 'MB/s', ratio: { least: 1.4 } },
  { row: 'pull-large', case: '1 clients', metric: 'server CPU s/GiB', ratio: { most: 0.45 } },
  { row: 'pull-large', case: '4 clients', metric: 'MB/s', ratio: { least: 1.5 } },
  { row: 'pull-large', case: '4 clients', metric: 'server CPU s/GiB', ratio: { most: 0.5 } },
  { row: 'pull-http', case: '4 clients', metric: 'MB/s', ratio: { least: 2 } },
  { row: 'pull-http', case: '4 clients', metric: 'server CPU s/GiB', ratio: { most: 0.4 } },
  { row: 'small', case: 'manifest tag GET', metric: 'req/s', ratio: { least: 10 } },
  { row: 'small', case: 'manifest tag GET', metric: 'server CPU us/req', ratio: { most: 0.08 } },
  { row: 'small', case: 'manifest tag HEAD', metric: 'req/s', ratio: { least: 10 } },
  { row: 'small', case: 'manifest tag HEAD', metric: 'server CPU us/req', ratio: { most: 0.08 } },
  { row: 'small', case: 'manifest digest GET', metric: 'req/s', ratio: { least: 10 } },
  { row: 'small', case: 'manifest digest GET', metric: 'server CPU us/req', ratio: { most: 0.08 } },
  { row: 'small', case: 'blob 4 KiB GET', metric: 'req/s', ratio: { least: 15 } },
  { row: 'small', case: 'blob 4 KiB GET', metric: 'server CPU us/req', ratio: { most: 0.08 } },
  { row: 'small', case: 'blob HEAD', metric: 'req/s', ratio: { least: 10 } },
  { row: 'small', case: 'blob HEAD', metric: 'server CPU us/req', ratio: { most: 0.06 } },
  { row: 'login', case: '', metric: 'req/s', ratio: { least: 20 } },
  { row: 'login', case: '', metric: 'server CPU us/req', beside: { target: 'box-tls', most: 1.5 } },
  { row: 'push', case: '1x512m', metric: 'MB/s', ratio: { least: 1.4 } },
  { row: 'push', case: '1x512m', metric: 'server CPU s/GiB', ratio: { most: 0.55 } },
  { row: 'push', case: '8x32m', metric: 'MB/s', ratio: { least: 1.4 } },
  { row: 'push', case: '8x32m', metric: 'server CPU s/GiB', ratio: { most: 0.55 } },
  { row: 'push', case: '200x64k', metric: 'layers/s', ratio: { least: 3 } },
  { row: 'push', case: '200x64k', metric: 'server CPU ms/layer', ratio: { most: 0.4 } },
  { row: 'upload-memory', case: 'chunked', metric: 'largest process grew MiB', value: { most: 64 } },
  { row: 'upload-memory', case: 'chunked', metric: 'RSS peak MiB', value: { most: 290 } },
  { row: 'catalog', case: '_catalog?n=100, first page', metric: 'slowest page ms', value: { most: 10 } },
  { row: 'catalog', case: '_catalog?n=100 from the middle', metric: 'slowest page ms', value: { most: 10 } },
  { row: 'catalog', case: '_catalog?n=100 from the middle', metric: 'ms', ratio: { most: 1 / 15 } },
  { row: 'catalog', case: '_catalog?n=100, every page', metric: 'slowest page ms', value: { most: 10 } },
  { row: 'catalog', case: '_catalog?n=100, every page', metric: 'ms', ratio: { most: 1 / 50 } },
  { row: 'catalog', case: 'tags/list of 10,000', metric: 'ms', ratio: { most: 1 / 2 } },
  { row: 'catalog', case: 'tags/list?n=100', metric: 'slowest page ms', value: { most: 10 } },
  { row: 'stampede', case: 'cold', metric: 'upstream manifest GETs', value: { most: 1 } },
  { row: 'stampede', case: 'cold', metric: 'upstream manifest HEADs', value: { most: 1 } },
  { row: 'stampede', case: 'cold', metric: 'upstream tokens', value: { most: 1 } },
  { row: 'stampede', case: 'warm', metric: 'upstream blob GETs', value: { most: 0 } },
  { row: 'stampede', case: '', metric: 'upstream blob GETs', value: { most: 1 } },
  { row: 'stampede', case: '', metric: 'upstream blob HEADs', value: { most: 0 } },
  { row: 'stampede', case: '', metric: 'upstream bytes / size', value: { most: 1 } },
  { row: 'stampede', case: '', metric: 'clients that failed', value: { most: 0 } },
  { row: 'stampede', case: 'link of 100', metric: 'blob wall s', ratio: { most: 0.25 } },
  { row: 'stampede', case: '', metric: 'blob wall s', ratio: { most: 0.9 } },
  { row: 'stampede', case: 'cold', metric: 'first byte p50 ms', ratio: { most: 0.5 } },
  { row: 'stampede', case: 'warm', metric: 'manifest wall ms', ratio: { most: 0.1 } },
  { row: 'warm-mirror', case: 'fresh tag', metric: 'upstream requests each', value: { most: 0 } },
  { row: 'warm-mirror', case: 'fresh tag', metric: 'p50 ms', value: { most: 2 } },
  { row: 'warm-mirror', case: 'digest', metric: 'upstream requests each', value: { most: 0 } },
  { row: 'warm-mirror', case: 'stale tag GET, 32', metric: 'upstream requests', value: { most: 1 } },
  { row: 'warm-mirror', case: 'stale tag GET', metric: 'upstream requests each', value: { most: 1 } },
  { row: 'warm-mirror', case: 'stale tag GET', metric: 'p50 ms', value: { most: 50 } },
  { row: 'warm-mirror', case: 'hang', metric: 'first ms', value: { most: 2050 } },
  { row: 'warm-mirror', case: 'GET', metric: 'then worst ms', value: { most: 50 } },
  { row: 'warm-mirror', case: 'GET', metric: 'served %', value: { least: 100 } },
  { row: 'crowd', case: '', metric: 'link used %', value: { least: 90 } },
  { row: 'crowd', case: '', metric: 'clients that failed', value: { most: 0 } },
  { row: 'crowd', case: '', metric: 'largest process grew MiB', value: { most: 100 } },
  { row: 'start', case: 'start', metric: 'first answer ms', value: { most: 600 } },
  { row: 'start', case: 'start', metric: 'idle RSS MiB', value: { most: 120 } },
  { row: 'start', case: 'start', metric: 'idle CPU %', value: { most: 1 } },
  { row: 'start', case: 'start', metric: 'stop ms', value: { most: 2000 } },
  { row: 'box-start', case: 'start', metric: 'first answer ms', value: { most: 5000 } },
  { row: 'box-start', case: 'start', metric: 'first answer to an admin ms', value: { most: 5000 } },
  { row: 'box-start', case: 'start', metric: 'registry-core MiB', value: { most: 120 } },
  { row: 'box-start', case: 'start', metric: 'registry-core CPU %', value: { most: 1 } },
  { row: 'box-start', case: 'start', metric: 'stop ms', value: { most: 2000 } },
]

const keeps = ({ least = -Infinity, most = Infinity }, figure) => figure >= least && figure <= most
const written = (sign, { least, most }) =>
  least === undefined ? `≤ ${sign}${+most.toFixed(3)}` : `≥ ${sign}${+least.toFixed(3)}`

/** The aim for one figure, as text, and whether it is met; undefined when there is none. */
export function judge(row, label, metric, { value, ratio, beside }) {
  const aim = aims.find((a) => a.row === row && label.includes(a.case) && a.metric === metric)
  if (!aim) return undefined
  const other = aim.beside && beside[aim.beside.target]
  const [bound, figure, sign] = aim.beside
    ? [aim.beside, other, `×${aim.beside.target} `]
    : aim.ratio
      ? [aim.ratio, ratio, '×']
      : [aim.value, value, '']
  return { text: written(sign, bound), met: keeps(bound, figure) }
}
