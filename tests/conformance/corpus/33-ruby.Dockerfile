FROM --platform=${BUILDPLATFORM} busybox:latest AS build
WORKDIR /src
COPY Gemfile ./
COPY --exclude=*.md . .
RUN <<EOF
set -e
mkdir -p vendor
cp Gemfile vendor/
EOF

FROM busybox:latest AS final
COPY --from=build /src/vendor/ /opt/app/
COPY <<robots.txt <<'humans.txt' /srv/
User-agent: *
Disallow:
robots.txt
we keep $VARIABLES
humans.txt
COPY docs/guid?.md /usr/share/doc/
ENV GREETING="hello world" NAME=app\ one
VOLUME ["/data", "/var/log/app"]
