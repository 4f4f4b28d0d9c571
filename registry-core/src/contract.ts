/**
 * What other workspaces may import of the core: the alphabet of request targets, what upstreams are called, and the
 * bodies of its errors, so that nginx refuses what the core refuses and in the same words; its configuration file, so
 * that who writes one reads it with the core's own eyes; what its internal API answers; where lines of a log go, so that no
 * process of a box waits for whoever reads them.
 */
export type { Checked } from './cli/check.js'
export type { Reloaded } from './config/live.js'
export { parseText as parseConfiguration } from './config/read-settings.js'
export type { WrittenFile as ConfigurationFile } from './config/schema.js'
export { findUpstreamHost, HOST_FORM as UPSTREAM_HOST_FORM } from './config/upstream-address.js'
/** What a person may say of an account, and of an upstream: the control plane takes the same, and renders it. */
export { account as accountSchema } from './config/schema/access.js'
export { HUB_ALIASES, upstream as upstreamSchema } from './config/schema/mirrors.js'
export { errorBody, errorStatus } from './http/errors.js'
/** The path of an acceptable request target (everything before the question mark): anchored, for PCRE. */
export { PATH_PATTERN as targetPattern } from './http/target.js'
/** What may stand behind the question mark: anchored, for PCRE. */
export { QUERY_PATTERN as queryPattern } from './http/query.js'
export type { Failure, FailureDetail } from './oci/failure.js'
export { type LogSink, openLogSink } from './system/log-sink.js'
