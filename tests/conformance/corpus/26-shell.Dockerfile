ARG REGISTRY=docker.io/library
ARG TAG
FROM ${REGISTRY}/busybox:${TAG:-latest}
ARG TARGETARCH TARGETVARIANT
WORKDIR /src
COPY scripts/ ./scripts/
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    for f in scripts/*.sh; do sh -n "$f"; done && cp -r scripts /opt-scripts
RUN echo "$TARGETARCH" > /platform
EXPOSE 8080/tcp 53/udp
ARG GIT_SHA=unknown
LABEL revision=$GIT_SHA
VOLUME /data
