# syntax=docker/dockerfile:1

FROM --platform=$BUILDPLATFORM busybox:latest AS build
SHELL ["/bin/ash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY go.mod go.sum ./
COPY . .
RUN --mount=type=cache,target=/root/.cache \
    mkdir -p /out && cp app/main.sh /out/app && cp app/lib.sh /out/

FROM busybox:latest AS final
COPY --from=0 /out/ /opt/app/
COPY <<-"EOT" /etc/app/defaults.conf
	key = value
	path = $HOME
	EOT
ENV OLD style of value
# hadolint ignore=DL3007
LABEL maintainer="someone@example.org"
