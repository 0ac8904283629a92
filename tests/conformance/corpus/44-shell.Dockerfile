# syntax=docker/dockerfile:1

ARG BASE=busybox:latest
FROM ${BASE}
SHELL ["/bin/sh", "-euc"]
WORKDIR /src
COPY scripts/ ./scripts/
COPY . .
RUN for f in scripts/*.sh; do sh -n "$f"; done \
 && cp -r scripts /opt-scripts
COPY static/css static/img /srv/assets/
ENTRYPOINT ["/opt/entrypoint.sh"]
CMD ["app", "--serve"]
