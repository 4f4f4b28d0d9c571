// One table out of all rows: the peer's median, ours, the ratio, what was aimed for, and how busy the machine was for others.
import { format, median, othersIn } from './lib/figures.mjs'
import { judge } from './aims.mjs'

/** The harness's JSON of one row, reduced to lines of the table; every sample stays in `raw`. */
export function resultsOf(name, row, { date, machine, rounds, results, raw }) {
  const [base, ours = base] = row.targets
  const lines = raw.flatMap(({ scenario, case: label, samples }) => {
    const here = results.filter((r) => r.scenario === scenario && r.case === label)
    const others = othersIn(samples)
    return [...new Set(here.map((r) => r.metric))].map((metric) => {
      const of = (target) => here.find((r) => r.target === target && r.metric === metric)
      const mine = of(ours)
      const limits = Object.keys(samples)
        .filter((target) => target !== base && target !== ours)
        .map((target) => ({
          target,
          median: of(target).median,
          ours: againstRound(samples, ours, target, metric),
        }))
      const beside = Object.fromEntries(limits.map((l) => [l.target, l.ours]))
      const aim = judge(name, label, metric, { value: mine.median, ratio: mine.ratio, beside })
      return {
        scenario,
        case: label,
        metric,
        ...(base !== ours && { base: of(base).median }),
        ours: mine.median,
        ratio: mine.ratio,
        n: mine.n,
        limits,
        others,
        aim,
      }
    })
  })
  return { row: name, about: row.about, date, machine, rounds, base, target: ours, lines, raw }
}

/** Ours to another target, the median of the ratios round by round. */
function againstRound(samples, ours, other, metric) {
  return median(samples[ours].map((x, i) => x[metric] / samples[other][i]?.[metric]).filter(Number.isFinite))
}

export function printReport(all) {
  const cells = all.flatMap(({ row, lines }) =>
    lines.map((line) => [
      row,
      line.case,
      line.metric,
      format(line.base),
      format(line.ours),
      line.base === undefined ? '' : `×${format(line.ratio)}`,
      line.aim ? `${line.aim.text} ${line.aim.met ? 'met' : 'missed'}` : '',
      line.limits.map((l) => `${l.target} ${format(l.median)} (×${format(l.ours)})`).join(', '),
      line.others ? format(line.others.median) : '-',
    ]),
  )
  const heads = [
    'row',
    'case',
    'metric',
    'peer',
    'ours',
    'ratio',
    'aim',
    'beside it: figure (ours to it)',
    'busy for others',
  ]
  const table = [heads, ...cells]
  const widths = heads.map((_, i) => Math.max(...table.map((cell) => cell[i].length)))
  console.log('')
  for (const cell of table)
    console.log(
      cell
        .map((text, i) => text.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
}
