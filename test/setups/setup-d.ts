import path from 'node:path'

import { type RunningProcess, startProcess } from '../support/processes.js'
import type { DockerHost } from './docker-host.js'

/** Setup D's registry: the folder by an environment variable. */
export const COMPOSE_FILE = `version: '3'
services:
  registry:
    container_name: registry
    image: registry:2
    restart: always
    ports:
      - "5000:5000"
    environment:
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data
    volumes:
      - ./data:/data
      - ./config.yml:/etc/docker/registry/config.yml
`

export const DOMAIN = 'registry.domain.com'
/** The machine in its own network: not 127.0.0.1, whose certificates Docker never checks. */
export const OUTSIDE = '10.0.2.100'

/** Starts people's nginx before the registry, with what `makeCertificates` made in a folder, and further directives. */
export async function startNginx(host: DockerHost, keys: string, more = ''): Promise<RunningProcess> {
  for (const name of ['server.pem', 'server.key', 'ca.pem']) host.copy(path.join(keys, name), `nginx/${name}`)
  host.write('nginx/nginx.conf', configuration(host.join('nginx'), more))
  const file = host.join('nginx/nginx.conf')
  const [program, ...args] = host.daemon.commandBeside('/usr/sbin/nginx', '-c', file)
  return startProcess(program, args)
}

/** nginx.conf as people write it, in a folder of its own instead of /etc/nginx; its log has all that clients show. */
function configuration(folder: string, more: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
user root;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  client_max_body_size 16384m;
  log_format all '$request $status "$http_authorization"';
  access_log ${folder}/access.log all;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  server {
    listen 443 ssl;
    server_name ${DOMAIN};
    ssl_certificate ${folder}/server.pem;
    ssl_certificate_key ${folder}/server.key;
    ${more}
    location / {
      if ($http_user_agent ~ "^(docker\\/1\\.(3|4|5(?!\\.[0-9]-dev))|Go ).*$") {
        return 404;
      }
      proxy_pass http://localhost:5000;
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 900;
    }
  }
}
`
}
