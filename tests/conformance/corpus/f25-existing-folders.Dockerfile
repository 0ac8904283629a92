# syntax=docker/dockerfile:1
FROM scratch AS made
COPY --chown=7:7 --chmod=0711 conf /w/
FROM scratch
COPY conf /etc/
COPY --chown=5:6 --chmod=0750 conf /etc/
COPY --from=made /w /etc
COPY --parents --chown=3 --chmod=0770 conf/extra.d/a.conf conf/log.conf /x/
COPY --parents --chmod=u=rwx,go=,+t src/util /y/
