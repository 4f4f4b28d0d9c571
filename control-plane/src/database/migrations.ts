import { Initial1763769600000 } from './migrations/1763769600000-initial.js'

/** In their order; one that was released is never changed. */
export const MIGRATIONS = [Initial1763769600000] as const
