import { startCore } from '../support/targets.js'
import { readDifferences } from './suite/differences.js'
import { runLane } from './suite/lane.js'

runLane({
  title: 'registry-core',
  needs: [],
  start: startCore,
  knownFailures: readDifferences('core-differences.md'),
})
