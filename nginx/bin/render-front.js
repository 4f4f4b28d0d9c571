#!/usr/bin/env node
// Committed, so that it has a name before the first build.
import '../dist/main.js'
