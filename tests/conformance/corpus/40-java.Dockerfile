# syntax=docker/dockerfile:1.7

FROM --platform=$BUILDPLATFORM busybox@{busybox} AS builder
ARG TARGETPLATFORM
ARG BUILDPLATFORM
WORKDIR /src
COPY pom.xml ./
COPY . .
RUN echo "for $TARGETPLATFORM" > /platform
RUN --mount=type=cache,id=pkg,target=/var/cache/pkg,sharing=locked \
    --mount=target=/context \
    mkdir -p target && cat pom.xml src/main.c > target/app.jar

FROM builder AS test
RUN sh app/test/test.sh

FROM busybox@{busybox}
COPY --from=0 --link /src/target/ /opt/app/
COPY --from=busybox:latest /bin/busybox /opt/busybox
EXPOSE 8000-8003
COPY docs/guid?.md /usr/share/doc/
VOLUME /data
