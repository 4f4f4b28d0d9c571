/** Setup D's nginx as people write it, in a folder of its own instead of /etc/nginx; its log has all that clients show. */
export function peoplesNginx(
  folder: string,
  { domain, more = '' }: { readonly domain: string; readonly more?: string },
): string {
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
    server_name ${domain};
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
