// Medians, ratios, and how figures are written.

export function median(values) {
  const s = [...values].sort((a, b) => a - b)
  const half = s.length >> 1
  if (!s.length) return NaN
  return s.length % 2 ? s[half] : (s[half - 1] + s[half]) / 2
}

export function format(v) {
  if (v === undefined || !Number.isFinite(v)) return '-'
  return v.toFixed(Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2)
}

const finite = (values) => values.filter((x) => Number.isFinite(x))

/** The median of a metric and the median of its ratios to the base, taken round by round. */
export function summarise(samples, name, base, metric) {
  const values = finite(samples[name].map((x) => x[metric]))
  const ratios = finite(samples[name].map((x, i) => x[metric] / samples[base][i]?.[metric]))
  return {
    metric,
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    ratio: name === base ? 1 : median(ratios),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    n: values.length,
  }
}

/** Cores that something else used while the samples were taken. */
export function othersIn(samples) {
  const values = finite(
    Object.values(samples)
      .flat()
      .map((x) => x._others),
  )
  return values.length ? { median: median(values), most: Math.max(...values) } : undefined
}
