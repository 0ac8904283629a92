ARG BUSYBOX_VERSION=latest
FROM busybox:${BUSYBOX_VERSION}
WORKDIR /src
COPY src/ ./src/
COPY . .
RUN set -eux; \
    mkdir -p /usr/local/bin \
 && cat src/main.c src/util/util.c > /usr/local/bin/app.c
COPY <<-"EOT" /etc/app/defaults.conf
	key = value
	path = $HOME
	EOT
WORKDIR /var/lib
WORKDIR app
ONBUILD COPY . /onbuild
HEALTHCHECK NONE
