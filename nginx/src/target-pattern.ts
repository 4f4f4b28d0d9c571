// TEMPORARY: registry-core/src/contract.ts will export targetPattern; this stand-in goes when it is there.
const PART = String.raw`(?!\.{1,2}(?:[/?]|$))(?:[A-Za-z0-9._:-]|%3[Aa])+`
const targetPattern = `^/(?:${PART}(?:/${PART})*/?)?$`

// The query: every printable ASCII character but `"`, `#`, `\`, which no client of ours has a reason to send raw.
const QUERY = String.raw`(?:\?[!$-\[\]-~]*)?`

/** The raw request targets that reach the core: the contract's paths, and a query of printable ASCII. */
export const acceptableRequestTarget = targetPattern.replace(/\$$/, () => `${QUERY}$`)
