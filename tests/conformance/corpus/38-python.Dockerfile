# syntax=docker/dockerfile:1

ARG REGISTRY=docker.io/library
ARG TAG
FROM --platform=$TARGETPLATFORM ${REGISTRY}/busybox:${TAG:-latest} AS deps
ARG TARGETARCH
WORKDIR /src
COPY requirements.txt ./
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN --mount=type=tmpfs,target=/scratch,size=16m \
    mkdir -p /venv/bin && cp app/main.sh /venv/bin/app && cp app/lib.sh /venv/bin/
ADD {git}#main /downloads/repo/

FROM scratch
COPY --from=deps /venv/ /opt/app/
ONBUILD COPY . /onbuild
COPY static/css static/img /srv/assets/
