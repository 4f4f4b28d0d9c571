import { Initial1763769600000 } from './migrations/1763769600000-initial.js'
import { Lease1795334400000 } from './migrations/1795334400000-lease.js'

/** In their order; one that was released is never changed. */
export const MIGRATIONS = [Initial1763769600000, Lease1795334400000] as const
