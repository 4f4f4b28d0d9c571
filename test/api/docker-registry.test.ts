import { startDockerRegistry } from '../support/targets.js'
import { readDifferences } from './suite/differences.js'
import { runLane } from './suite/lane.js'

runLane({
  title: 'docker-registry 2.8.2',
  needs: [],
  start: startDockerRegistry,
  knownFailures: readDifferences('docker-registry-differences.md'),
})
