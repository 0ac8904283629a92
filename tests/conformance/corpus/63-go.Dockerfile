ARG IMAGE=busybox
FROM --platform=linux/amd64 $IMAGE:latest AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
COPY . .
RUN echo "$TARGETOS/$TARGETARCH" > /platform
RUN set -eux; \
    mkdir -p /out \
 && cp app/main.sh /out/app \
 && cp app/lib.sh /out/

FROM busybox:latest
COPY --from=build /out/ /opt/app/
ONBUILD COPY . /onbuild
COPY static/css static/img /srv/assets/
VOLUME ["/data", "/var/log/app"]
