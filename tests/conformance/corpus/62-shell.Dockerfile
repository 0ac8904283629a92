ARG REGISTRY=docker.io/library
ARG TAG
FROM ${REGISTRY}/busybox:${TAG:-latest} AS deps
WORKDIR /src
COPY scripts/ ./scripts/
COPY . .
RUN for f in scripts/*.sh; do sh -n "$f"; done \
 && cp -r scripts /opt-scripts

FROM busybox:latest
COPY --from=deps --chmod=u=rwX,go=rX /opt-scripts/ /opt/app/
COPY --from=busybox:latest /bin/busybox /opt/busybox
ADD conf /etc/conf
HEALTHCHECK NONE
