// Tests run on the compiled output: what is tested is what ships (no transformer).
export default {
  testEnvironment: 'node',
  transform: {},
  testMatch: ['**/dist/**/*.test.js'],
  coverageProvider: 'v8',
  collectCoverageFrom: ['**/dist/**/*.js', '!**/*.test.js'],
  // A bound against hanging, not a measure: machines are shared and slow at times.
  testTimeout: 60_000,
  workerIdleMemoryLimit: '512MB',
}
