# syntax=docker/dockerfile:1
FROM scratch
COPY --parents src/util/util.c src/main.c /x/
COPY --parents src/./util/*.h /y/
COPY --parents conf/**/a.conf /z/
