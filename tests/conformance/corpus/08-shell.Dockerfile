# syntax=docker/dockerfile:1

ARG BASE=busybox:latest
FROM ${BASE} AS deps
WORKDIR /src
COPY scripts/ ./scripts/
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    for f in scripts/*.sh; do sh -n "$f"; done && cp -r scripts /opt-scripts

FROM busybox:latest
COPY --from=deps /opt-scripts/ /opt/app/
COPY docs/guid?.md /usr/share/doc/
ENV GREETING="hello world" NAME=app\ one
