# syntax=docker/dockerfile:1

ARG BASE_DIGEST={busybox}
FROM --platform=${BUILDPLATFORM} busybox@${BASE_DIGEST} AS deps
ARG TARGETARCH
WORKDIR /src
COPY src/ ./src/
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN set -eux; \
    mkdir -p /usr/local/bin \
 && cat src/main.c src/util/util.c > /usr/local/bin/app.c

FROM busybox:latest AS final
COPY --from=deps /usr/local/bin/ /opt/app/
COPY <<EOF /etc/motd
welcome to $NAME
EOF
MAINTAINER someone <someone@example.org>
EXPOSE 8000-8003
VOLUME ["/data", "/var/log/app"]
