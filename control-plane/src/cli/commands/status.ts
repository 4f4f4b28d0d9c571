import type { Command } from 'commander'

import { type Health, HEALTH_ROUTES } from '../../health/health.schema.js'
import { apiCommand, type Run } from '../command.js'
import { type Cell, coloured, type Shown, tableOf } from '../output.js'

export function addStatus(program: Command, run: Run): void {
  apiCommand(program, run, {
    usage: 'status',
    description: 'Shows how every part of the box is, and why where it is not well.',
    examples: ['entrepot status', 'entrepot status -o json'],
    run: async ({ call, terminal }) => shown(await call(HEALTH_ROUTES.get), terminal.isSeen),
  })
}

function shown(health: Health, isSeen: boolean): Shown {
  const rows = Object.entries(health.parts).map(([name, { state, cause = '' }]): Cell[] => [
    ...[name, { text: state, colour: state === 'up' ? 'green' : 'red' } as const, cause],
  ])
  const whole = coloured(health.state, health.state === 'up' ? 'green' : 'yellow', isSeen)
  return { value: health, text: `The box is ${whole}.\n${tableOf(['PART', 'STATE', 'CAUSE'], rows, isSeen)}` }
}
