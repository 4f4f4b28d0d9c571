import { runProgram } from './cli/program.js'

const code = await runProgram(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
})
// Not left to an empty event loop: idle connections and a log that nobody reads must not hold the process.
process.exit(code)
