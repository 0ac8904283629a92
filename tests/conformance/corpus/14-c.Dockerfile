# syntax=docker/dockerfile:1

ARG BASE_DIGEST={busybox}
FROM --platform=$TARGETPLATFORM busybox@${BASE_DIGEST} AS deps
ARG TARGETARCH
WORKDIR /src
COPY src/ ./src/
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN mkdir -p /usr/local/bin \
 && cat src/main.c src/util/util.c > /usr/local/bin/app.c

FROM busybox:latest
COPY --from=deps --link /usr/local/bin/ /opt/app/
ENV A=1
ENV B=$A-2 C=${NONE:-three} D=${A:+set}
EXPOSE 8080/tcp 53/udp
