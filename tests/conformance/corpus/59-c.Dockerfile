ARG IMAGE=busybox
FROM $IMAGE:latest AS deps
ARG TARGETARCH
WORKDIR /src
COPY src/ ./src/
COPY . .
RUN case "$TARGETARCH" in amd64|arm64) echo "$TARGETARCH" > /platform ;; *) echo other > /platform ;; esac
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    mkdir -p /usr/local/bin && cat src/main.c src/util/util.c > /usr/local/bin/app.c

FROM busybox:latest
COPY --from=deps /usr/local/bin/ /opt/app/
ENV GREETING="hello world" NAME=app\ one
MAINTAINER someone <someone@example.org>
