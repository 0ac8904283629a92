# syntax=docker/dockerfile:1

ARG BUSYBOX_VERSION=latest
FROM --platform=${BUILDPLATFORM} busybox:${BUSYBOX_VERSION} AS deps
ARG TARGETARCH
WORKDIR /src
COPY scripts/ ./scripts/
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    for f in scripts/*.sh; do sh -n "$f"; done && cp -r scripts /opt-scripts

FROM busybox:latest AS final
COPY --from=deps /opt-scripts/ /opt/app/
RUN cat <<EOF > /etc/issue && cat /etc/issue
issue
EOF
ARG VERSION=1.24.3
ENV VERSION=$VERSION
CMD echo "$HOME" && exec app
