import { ACCOUNT_ROUTES } from './access/account.schema.js'
import { ADMIN_TOKEN_ROUTES } from './access/admin-token.schema.js'
import { AUDIT_ROUTES } from './audit/audit.schema.js'
import { BACKUP_ROUTES } from './backup/backup.schema.js'
import { CLIENT_ROUTES } from './clients/clients.schema.js'
import { CERTIFICATE_ROUTES } from './front/certificates.schema.js'
import { CONFIGURATION_ROUTES } from './front/configuration.schema.js'
import { NGINX_SETTINGS_ROUTES } from './front/nginx-settings.schema.js'
import { HEALTH_ROUTES } from './health/health.schema.js'
import type { RouteSpec } from './http/route.js'
import { METRICS_ROUTES } from './metrics/metrics.schema.js'
import { SEEN_ROUTES } from './traffic/seen.schema.js'
import { UPSTREAM_ROUTES } from './upstreams/upstream.schema.js'

/** Every route of the admin API, as `area.verb`. Tests hold the served document, the reference page, and themselves against it. */
export const ROUTES: ReadonlyMap<string, RouteSpec> = new Map(
  Object.entries({
    accounts: ACCOUNT_ROUTES,
    'admin-tokens': ADMIN_TOKEN_ROUTES,
    audit: AUDIT_ROUTES,
    backup: BACKUP_ROUTES,
    certificates: CERTIFICATE_ROUTES,
    'clients/seen': SEEN_ROUTES,
    clients: CLIENT_ROUTES,
    config: CONFIGURATION_ROUTES,
    health: HEALTH_ROUTES,
    metrics: METRICS_ROUTES,
    'settings/nginx': NGINX_SETTINGS_ROUTES,
    upstreams: UPSTREAM_ROUTES,
  }).flatMap(([area, routes]) =>
    Object.entries<RouteSpec>(routes).map(([verb, route]) => [`${area}.${verb}`, route] as const),
  ),
)
