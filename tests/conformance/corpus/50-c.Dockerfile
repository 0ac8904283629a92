# syntax=docker/dockerfile:1

ARG REGISTRY=docker.io/library
ARG TAG
FROM ${REGISTRY}/busybox:${TAG:-latest} AS deps
WORKDIR /src
COPY src/ ./src/
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    mkdir -p /usr/local/bin && cat src/main.c src/util/util.c > /usr/local/bin/app.c

FROM scratch
COPY --from=0 /usr/local/bin/ /opt/app/
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.licenses=MIT
USER 65532:65532
