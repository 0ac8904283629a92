# syntax=docker/dockerfile:1

FROM busybox
WORKDIR /src
COPY go.mod go.sum ./
COPY . .
RUN mkdir -p /out \
 && cp app/main.sh /out/app \
 && cp app/lib.sh /out/
ADD {url}/static/index.html /downloads/
# hadolint ignore=DL3007
LABEL maintainer="someone@example.org"
ENV LANG=C.UTF-8 \
    PATH=/opt/app/bin:$PATH
VOLUME /data
