import { startCore } from '../support/targets.js'
import { runLane } from './suite/lane.js'

runLane({
  title: 'registry-core',
  needs: [],
  start: startCore,
  knownFailures: new Map(),
})
