#!/usr/bin/env node
// Committed, so that `npm ci` can link it before the first build.
import { main } from '../dist/cli/main.js'

await main()
