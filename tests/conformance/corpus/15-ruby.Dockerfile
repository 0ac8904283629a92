# syntax=docker/dockerfile:1

FROM busybox@{busybox}
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY Gemfile ./
COPY . .
RUN <<EOF
set -e
mkdir -p vendor
cp Gemfile vendor/
EOF
RUN echo "$TARGETARCH" > /platform
COPY <<-"EOT" /etc/app/defaults.conf
	key = value
	path = $HOME
	EOT
EXPOSE 8000-8003
COPY docs/guid?.md /usr/share/doc/
