ARG IMAGE=busybox
FROM $IMAGE:latest AS build
WORKDIR /src
COPY Gemfile ./
COPY . .
RUN set -eux; \
    mkdir -p vendor \
 && cp Gemfile vendor/

FROM busybox:latest
COPY --from=build /src/vendor/ /opt/app/
COPY --from=busybox:latest /bin/busybox /opt/busybox
EXPOSE 8080/tcp 53/udp
ARG GIT_SHA=unknown
LABEL revision=$GIT_SHA
