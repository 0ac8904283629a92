# syntax=docker/dockerfile:1

FROM --platform=${BUILDPLATFORM} busybox:latest AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
COPY . .
RUN echo "$TARGETOS/$TARGETARCH" > /platform
RUN <<EOF
set -e
mkdir -p /out
cp app/main.sh /out/app
cp app/lib.sh /out/
EOF
ADD {url}/static/index.html /downloads/

FROM busybox:latest AS final
COPY --from=build /out/ /opt/app/
RUN <<-EOF sh -e
	echo one > /one
	echo two > /two
	EOF
ENV GREETING="hello world" NAME=app\ one
MAINTAINER someone <someone@example.org>
HEALTHCHECK --interval=30s --timeout=3s --retries=3 CMD test -d /opt || exit 1
