# The registry as an image that takes the place of registry:2. Builds with BuildKit and with the older builder:
#   docker build -t entrepot/registry .
# Any base will do that has a shell, npm, and Node 24.11 or later. Behind a mirror of npm's packages:
# --build-arg NPM_CONFIG_REGISTRY=https://…
ARG BASE=node:24-slim

# What it runs with: the packages that registry-core names, nothing for tests or builds.
FROM ${BASE} AS packages
ARG NPM_CONFIG_REGISTRY
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY control-plane/package.json control-plane/
COPY nginx/package.json nginx/
COPY registry-core/package.json registry-core/
RUN npm ci --workspace registry-core --omit=dev --ignore-scripts --no-audit --no-fund

# What compiles it.
FROM packages AS build
RUN npm ci --workspace registry-core --include=dev --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json ./
COPY registry-core registry-core
RUN node_modules/.bin/tsc -p registry-core --sourceMap false --declaration false --composite false --tsBuildInfoFile null

# The files of the image as they will lie there, readable by every user whatever the umask of the clone was.
FROM build AS files
WORKDIR /image
COPY LICENSE usr/local/lib/entrepot/
COPY --from=packages /src/package.json usr/local/lib/entrepot/
COPY --from=packages /src/node_modules usr/local/lib/entrepot/node_modules
COPY registry-core/package.json usr/local/lib/entrepot/registry-core/
COPY registry-core/bin usr/local/lib/entrepot/registry-core/bin
RUN cp -r /src/registry-core/dist usr/local/lib/entrepot/registry-core/ \
  && mkdir -p etc/docker/registry usr/bin \
  && cp /src/registry-core/image/config.yml etc/docker/registry/ \
  && cp /src/registry-core/image/entrypoint.sh . \
  && for program in registry registry-core; do ln -s "/usr/local/lib/entrepot/registry-core/bin/$program.js" "usr/bin/$program"; done \
  && ln -s docker/registry etc/distribution \
  && chmod -R u=rwX,go=rX . && chmod 755 entrypoint.sh usr/local/lib/entrepot/registry-core/bin/* \
  && mkdir /store

FROM ${BASE}
LABEL org.opencontainers.image.title="Entrepot registry" \
  org.opencontainers.image.description="A registry for container images that takes the place of registry:2" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=files /image /
# A fresh volume takes its owner from here, and the registry takes its user from the volume.
COPY --from=files --chown=1000:1000 /store /var/lib/registry
ENV NODE_ENV=production ENTREPOT_RUN_AS=owner
VOLUME ["/var/lib/registry"]
EXPOSE 5000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["registry-core", "health"]
ENTRYPOINT ["/entrypoint.sh"]
CMD ["/etc/docker/registry/config.yml"]
