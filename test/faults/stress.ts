import { fileURLToPath } from 'node:url'

import { runToEnd } from '../support/processes.js'
import type { StressOrders, StressOutcome } from '../programs/stress/orders.js'

const PROGRAM = fileURLToPath(new URL('../programs/stress.js', import.meta.url))

/** Runs the stress program in a process of its own, and reads what it says. */
export async function runStress(orders: StressOrders): Promise<StressOutcome> {
  const { code, stdout, stderr } = await runToEnd(process.execPath, [PROGRAM, JSON.stringify(orders)])
  if (code !== 0) throw new Error(`the stress program ended with ${code}:\n${stderr}`)
  process.stdout.write(`stress: ${stdout}`)
  return JSON.parse(stdout) as StressOutcome
}
